// From logits to the most probable answer that is not contradictory; the same as slu/decoding.py.
#pragma once

#include "model.h"

namespace slu {

struct Decision {
  uint32_t intent;
  float score;  // joint probability, 0..1
};

class Decoder {
 public:
  Decoder(const slu_model &model, Arena *arena);
  // `intents`: [intent_count] logits. `slots`: [tokens][tag_count] logits of the tokens without [CLS] and [SEP].
  // Both are overwritten. Leaves the best tags in tags().
  Decision run(float *intents, float *slots, uint32_t tokens);
  const uint16_t *tags() const { return tags_; }

 private:
  // Score of the best path; the path is left in candidate_.
  float best_path(const SlotSet &set, const float *scores, uint32_t tokens);

  const slu_model &model_;
  float *best_;          // [tag_count] of the allowed tags: score of the best path that ends there
  uint16_t *back_;       // [max_tokens][tag_count]: allowed tag before
  uint16_t *tags_;       // [max_tokens]
  uint16_t *candidate_;  // [max_tokens]
};

}  // namespace slu
