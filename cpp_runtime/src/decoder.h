// From logits to the most probable answer that is not contradictory; the same as slu/heads/joint_decoding.py.
#pragma once

#include "model.h"

namespace slu {

struct Decision {
  uint32_t intent;
  float score;  // probability of the answer among all that are not contradictory, 0..1
};

typedef double Pair __attribute__((vector_size(2 * sizeof(double))));

class Decoder {
 public:
  Decoder(const slu_model &model, Arena *arena);
  // `intents`: [intent_count] logits, which are not read for spans alone. `slots`: [tokens][tag_count] logits of the
  // tokens without [CLS] and [SEP]. Both are overwritten. Leaves the best tags in tags().
  Decision run(float *intents, float *slots, uint32_t tokens);
  const uint16_t *tags() const { return tags_; }

 private:
  // Score of the best path; the path is left in candidate_.
  float best_path(const SlotSet &set, const float *scores, uint32_t tokens);
  // Sum over all paths, times 2^-*exponent, of the products of weights_.
  double path_sum(const SlotSet &set, uint32_t tokens, int32_t *exponent);

  const slu_model &model_;
  const uint32_t intent_count_;  // 1 for spans alone
  float *best_;                  // [tag_count] of the allowed tags: score of the best path that ends there
  uint16_t *back_;               // [max_tokens][tag_count]: allowed tag before
  uint16_t *tags_;               // [max_tokens]
  uint16_t *candidate_;          // [max_tokens]
  double *intent_weights_;       // [intent_count]
  double *weights_;              // [max_tokens][tag_count]
  Pair *sums_;  // [slot_count] sum over the paths that end with B and with I of a slot of the set
};

}  // namespace slu
