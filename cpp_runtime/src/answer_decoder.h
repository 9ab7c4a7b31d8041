// From the logits of the windows of a passage to its most probable part, or none; the same as
// slu/heads/answer_decoding.py.
#pragma once

#include "model.h"
#include "tokenizer.h"

namespace slu {

constexpr uint32_t kMostAnswer = 128;  // tokens of the longest answer
constexpr uint32_t kWindowOverlap =
    128;  // tokens of the passage that two windows share, or half of what one holds

class AnswerDecoder {
 public:
  AnswerDecoder(const slu_model &model, Arena *arena);
  // Before the first window.
  void begin();
  // `logits`: [tokens.count][2] of a window. Returns how many tokens of the passage later the next one begins.
  uint32_t add(const float *logits, const Tokens &tokens);
  // The answer, in `slot`, with its share in the odds of all; false for none.
  bool end(slu_slot *slot, float *score) const;

 private:
  const uint32_t max_tokens_;
  double *begins_, *ends_;  // [max_tokens] of a window: e^(logit - largest logit)
  slu_slot best_{};
  bool any_ = false;
  float odds_ = 0;                // logarithm, of the best answer against none
  double largest_ = 0, sum_ = 1;  // the odds of all together, none among them, are sum_ * e^largest_
};

}  // namespace slu
