#include "decoder.h"

namespace slu {
namespace {

constexpr float kImpossible = -__builtin_inff();

uint32_t bits_of(float value) {
  uint32_t bits;
  copy_bytes(&bits, &value, sizeof bits);
  return bits;
}

float float_of(uint32_t bits) {
  float value;
  copy_bytes(&value, &bits, sizeof value);
  return value;
}

// Floats at once, by operations that GCC and Clang have for every processor: decoders go without kernels.
constexpr uint32_t kVector = 4;
typedef float Floats __attribute__((vector_size(kVector * sizeof(float))));
typedef int32_t Bits __attribute__((vector_size(kVector * sizeof(int32_t))));
typedef double Doubles __attribute__((vector_size(kVector * sizeof(double))));

// e^x for x <= 0, within 2e-7, relative; the method of kernels/float_math.h.
Floats exponentials(Floats x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: leaves a rounded integer in the low bits
  const Bits large = x > -87.0f;         // the others become 0
  const Floats t = x * 1.44269504f + kRound, n = t - kRound;
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts (Cody and Waite)
  Floats p = 0.008289458230137825f * r + 0.041902557015419006f;
  p = p * r + 0.16667675971984863f;
  p = p * r + 0.49999114871025085f;
  p = p * r + 0.9999997019767761f;
  p = p * r + 1.0f;
  return reinterpret_cast<Floats>((reinterpret_cast<Bits>(p) + (reinterpret_cast<Bits>(t) << 23)) & large);
}

Floats load(const float *p) {
  Floats values;
  copy_bytes(&values, p, sizeof values);
  return values;
}

// The last floats, fewer than a vector has; `rest` in the lanes past them.
Floats load_last(const float *p, uint32_t count, Floats rest) {
  for (uint32_t i = 0; i < count; ++i) rest[i] = p[i];
  return rest;
}

Floats larger(Floats a, Floats b) {
  const Bits which = a > b;
  return reinterpret_cast<Floats>((reinterpret_cast<Bits>(a) & which) | (reinterpret_cast<Bits>(b) & ~which));
}

float exponential(float x) { return exponentials(Floats{x})[0]; }

// e^x for x <= 0 that is too small for a float.
double small_exponential(float x) {
  double power = exponential(x / 8);
  power *= power;
  power *= power;
  return power * power;
}

// 2^exponent, 0 where it is too small.
double power_of_two(int32_t exponent) {
  if (exponent < -1022) return 0;
  const auto bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double value;
  copy_bytes(&value, &bits, sizeof value);
  return value;
}

// ln x for finite x >= 1, within 2e-7: 2 artanh((m - 1) / (m + 1)) of the mantissa m.
float logarithm(float x) {
  constexpr uint32_t kRootHalf = 0x3f3504f3;  // sqrt(1 / 2)
  const uint32_t bits = bits_of(x) - kRootHalf;
  const auto exponent = static_cast<float>(static_cast<int32_t>(bits) >> 23);
  const float m = float_of((bits & 0x7fffff) + kRootHalf);
  const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
  const float series = ((q * 0.11111111f + 0.14285715f) * q + 0.2f) * q + 0.33333334f;
  return exponent * 0.69314718f + 2.0f * (s + s * q * series);
}

// ln(x * 2^exponent) for x >= 0; that of 0 is none.
double logarithm_of(double x, int32_t exponent) {
  uint64_t bits;
  copy_bytes(&bits, &x, sizeof bits);
  const int32_t own = static_cast<int32_t>(bits >> 52 & 0x7ff) - 1023;
  bits = (bits & 0xfffffffffffffu) | uint64_t{1023} << 52;
  copy_bytes(&x, &bits, sizeof x);
  return (own + exponent) * 0.6931471805599453 + static_cast<double>(logarithm(static_cast<float>(x)));
}

// Leaves in `values` the logarithms of the softmax and in `weights` e^(value - largest value). Returns the logarithm of
// the sum of these.
float log_softmax(float *values, uint32_t count, double *weights) {
  const uint32_t last = count % kVector, whole = count - last;
  const Floats first = Floats{} + values[0];
  Floats most = load_last(values + whole, last, first);
  for (uint32_t i = 0; i < whole; i += kVector) most = larger(most, load(values + i));
  most = larger(most, Floats{most[2], most[3], most[0], most[1]});
  most = larger(most, Floats{most[1], most[0], most[3], most[2]});
  Floats sums = {};
  Bits tiny = {};
  for (uint32_t i = 0; i < whole; i += kVector) {
    const Floats some = exponentials(load(values + i) - most);
    sums += some;
    tiny |= some <= 0.0f;
    const Doubles wide = __builtin_convertvector(some, Doubles);
    copy_bytes(weights + i, &wide, sizeof wide);
  }
  if (last) {
    const Floats none = most - 100.0f;  // of which `exponentials` makes 0
    const Floats some = exponentials(load_last(values + whole, last, none) - most);
    sums += some;
    for (uint32_t i = 0; i < last; ++i) {
      weights[whole + i] = static_cast<double>(some[i]);
      if (some[i] <= 0.0f) tiny[0] = 1;
    }
  }
  const float log_sum = logarithm((sums[0] + sums[1]) + (sums[2] + sums[3])), largest = most[0];
  if (tiny[0] | tiny[1] | tiny[2] | tiny[3])  // no float; only logits that no training makes are so far apart
    for (uint32_t i = 0; i < count; ++i)
      if (weights[i] <= 0) weights[i] = small_exponential(values[i] - largest);
  for (uint32_t i = 0; i < count; ++i) values[i] = (values[i] - largest) - log_sum;
  return log_sum;
}

// Index in the logits of an allowed tag: 0 is O, then B and I of each slot of the set.
uint32_t tag_of(const SlotSet &set, uint32_t allowed) {
  return allowed ? 1 + 2 * set.slots[(allowed - 1) / 2] + (allowed - 1) % 2 : 0;
}

uint32_t first_largest(const float *values, uint32_t count) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < count; ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

}  // namespace

Decoder::Decoder(const slu_model &model, Arena *arena)
    : model_(model),
      intent_count_(model.info.intent_count ? model.info.intent_count : 1),
      best_(arena->take<float>(model.tag_count)),
      back_(arena->take<uint16_t>(size_t{model.info.max_tokens} * model.tag_count)),
      tags_(arena->take<uint16_t>(model.info.max_tokens)),
      candidate_(arena->take<uint16_t>(model.info.max_tokens)),
      intent_weights_(arena->take<double>(intent_count_)),
      weights_(arena->take<double>(size_t{model.info.max_tokens} * model.tag_count)),
      sums_(arena->take<Pair>(model.info.slot_count)) {}

Decision Decoder::run(float *intents, float *slots, uint32_t tokens) {
  float only = 0;
  if (model_.answers_spans()) intents = &only;
  float log_sums = log_softmax(intents, intent_count_, intent_weights_);
  for (uint32_t t = 0; t < tokens; ++t) {
    const size_t row = size_t{t} * model_.tag_count;
    log_sums += log_softmax(slots + row, model_.tag_count, weights_ + row);
  }
  uint32_t best = intent_count_;  // none
  double sum = 0;                 // of all answers, times 2^-exponent
  int32_t exponent = 0;
  for (uint32_t set = 0; set < model_.slot_set_count; ++set) {
    const uint32_t before = best;
    const float score = best_path(model_.slot_sets[set], slots, tokens);
    int32_t set_exponent;
    const double set_sum = path_sum(model_.slot_sets[set], tokens, &set_exponent);
    if (sum <= 0) exponent = set_exponent;
    if (set_exponent > exponent) {
      sum *= power_of_two(exponent - set_exponent);
      exponent = set_exponent;
    }
    for (uint32_t i = 0; i < intent_count_; ++i) {
      if (model_.set_of_intent[i] != set) continue;
      sum += intent_weights_[i] * set_sum * power_of_two(set_exponent - exponent);
      intents[i] += score;
      // The first of equal ones.
      if (best == intent_count_ || intents[i] > intents[best] || (i < best && intents[i] >= intents[best]))
        best = i;
    }
    if (best == before) continue;
    uint16_t *const tags = tags_;
    tags_ = candidate_;
    candidate_ = tags;
  }
  // What has no number, has no probability either.
  const float share = exponential(intents[best] + log_sums - static_cast<float>(logarithm_of(sum, exponent)));
  return {best, share >= 0 ? (share < 1 ? share : 1) : 0};
}

// The forward algorithm (Rabiner, 1989), scaled so that long texts do not come to nothing.
double Decoder::path_sum(const SlotSet &set, uint32_t tokens, int32_t *exponent) {
  constexpr int32_t kStep = 512;
  *exponent = 0;
  double all = 1;  // the sum over the paths up to the token before
  for (uint32_t s = 0; s < set.count; ++s) sums_[s] = Pair{};
  for (uint32_t t = 0; t < tokens; ++t) {
    const double *weights = weights_ + size_t{t} * model_.tag_count;
    Pair sum = {all * weights[0], 0};
    for (uint32_t s = 0; s < set.count; ++s) {
      Pair weight;  // of B and of I
      copy_bytes(&weight, weights + 1 + 2 * set.slots[s], sizeof weight);
      sums_[s] = Pair{all, sums_[s][0] + sums_[s][1]} * weight;
      sum += sums_[s];
    }
    all = sum[0] + sum[1];
    if (all >= power_of_two(-kStep) || !(all > 0)) continue;
    for (uint32_t s = 0; s < set.count; ++s) sums_[s] *= power_of_two(kStep);
    all *= power_of_two(kStep);
    *exponent -= kStep;
  }
  return all;
}

// Viterbi (1967). Everything may precede O and B, so one maximum serves all of them; only B and I may precede I.
float Decoder::best_path(const SlotSet &set, const float *scores, uint32_t tokens) {
  if (tokens == 0) return 0;
  const uint32_t count = 1 + 2 * set.count;
  best_[0] = scores[0];
  for (uint32_t s = 0; s < set.count; ++s) {
    best_[2 * s + 1] = scores[tag_of(set, 2 * s + 1)];
    best_[2 * s + 2] = kImpossible;
  }
  for (uint32_t t = 1; t < tokens; ++t) {
    const float *emission = scores + size_t{t} * model_.tag_count;
    uint16_t *back = back_ + size_t{t} * model_.tag_count;
    const uint32_t overall = first_largest(best_, count);
    const float before = best_[overall];
    best_[0] = before + emission[0];
    back[0] = static_cast<uint16_t>(overall);
    for (uint32_t s = 0; s < set.count; ++s) {
      const uint32_t b = 2 * s + 1, i = b + 1, tag = 1 + 2 * set.slots[s];
      const bool continued = best_[i] > best_[b];
      back[b] = static_cast<uint16_t>(overall);
      back[i] = static_cast<uint16_t>(continued ? i : b);
      best_[i] = (continued ? best_[i] : best_[b]) + emission[tag + 1];
      best_[b] = before + emission[tag];
    }
  }
  uint32_t at = first_largest(best_, count);
  const float score = best_[at];
  for (uint32_t t = tokens; t-- > 0;) {
    candidate_[t] = static_cast<uint16_t>(tag_of(set, at));
    if (t) at = back_[size_t{t} * model_.tag_count + at];
  }
  return score;
}

}  // namespace slu
