#include "answer_decoder.h"

#include "exponential.h"

namespace slu {
namespace {

// Leaves e^(logit - largest logit) in `powers`; `logits` has two numbers a token. Returns the largest.
double powers_of(const float *logits, uint32_t count, double *powers) {
  float largest = logits[0];
  for (uint32_t i = 1; i < count; ++i)
    if (logits[size_t{2} * i] > largest) largest = logits[size_t{2} * i];
  for (uint32_t i = 0; i < count; ++i)
    powers[i] = exponential(static_cast<double>(logits[size_t{2} * i]) - static_cast<double>(largest));
  return static_cast<double>(largest);
}

}  // namespace

AnswerDecoder::AnswerDecoder(const slu_model &model, Arena *arena)
    : max_tokens_(model.info.max_tokens),
      begins_(arena->take<double>(model.answers_questions() ? max_tokens_ : 0)),
      ends_(arena->take<double>(model.answers_questions() ? max_tokens_ : 0)) {}

void AnswerDecoder::begin() {
  any_ = false;
  odds_ = 0;
  largest_ = 0;
  sum_ = 1;
}

uint32_t AnswerDecoder::add(const float *logits, const Tokens &tokens) {
  const int32_t separator = tokens.ids[tokens.count - 1];
  uint32_t place = 0;
  while (tokens.ids[place] != separator) ++place;
  const uint32_t room = max_tokens_ > 2 + place ? max_tokens_ - 2 - place : 0;
  const uint32_t step = room - (kWindowOverlap < room / 2 ? kWindowOverlap : room / 2);
  if (place + 2 >= tokens.count) return step;
  const uint32_t first = place + 1, count = tokens.count - 1 - first;
  const float none = logits[size_t{2} * place] + logits[size_t{2} * place + 1];
  const float *own = logits + size_t{2} * first;
  const double largest =
      powers_of(own, count, begins_) + powers_of(own + 1, count, ends_) - static_cast<double>(none);
  float best = -__builtin_inff();
  double sum = 0;
  uint32_t from = 0, to = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t past = count - i > kMostAnswer ? i + kMostAnswer : count;
    double after = 0;
    for (uint32_t j = i; j < past; ++j) {
      after += ends_[j];
      const float both = own[size_t{2} * i] + own[size_t{2} * j + 1];
      if (!(both > best)) continue;
      best = both;
      from = i;
      to = j;
    }
    sum += begins_[i] * after;
  }
  if (largest > largest_) {
    sum_ *= exponential(largest_ - largest);
    largest_ = largest;
  }
  sum_ += sum * exponential(largest - largest_);
  if (best - none > odds_) {
    any_ = true;
    odds_ = best - none;
    best_ = {nullptr,
             0,
             tokens.starts[first + from],
             tokens.ends[first + to],
             tokens.byte_starts[first + from],
             tokens.byte_ends[first + to]};
  }
  return step;
}

bool AnswerDecoder::end(slu_slot *slot, float *score) const {
  const double below = static_cast<double>(odds_) - largest_;
  const auto share = static_cast<float>(exponential(below < 0 ? below : 0) / sum_);
  *score = share >= 0 ? (share < 1 ? share : 1) : 0;  // what has no number, has no probability either
  *slot = best_;
  return any_;
}

}  // namespace slu
