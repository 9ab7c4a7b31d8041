// From logits to the most probable set of labels that the tree allows; the same as slu/heads/label_weights.py.
#pragma once

#include "model.h"

namespace slu {

class LabelDecoder {
 public:
  // Takes nothing for models of intents and slots.
  LabelDecoder(const slu_model &model, Arena *arena);
  // `logits`: [intent_count]. Fills `labels`, ascending by index, and their number; returns the probability of the set.
  float run(const float *logits, slu_label *labels, uint32_t *count);

 private:
  // What is known of a label, or of the text as a whole, which is node 0; label i is node i + 1.
  struct Node {
    double weight;   // log weight of it with all that can be below it
    double free;     // the same of what can be below it, if any selection were allowed
    double some;     // of the selections that are not empty, or of one label, by the rule
    double inner;    // of what is allowed below it
    double value;    // logit of it with the best below it
    double total;    // of the best below it
    double top;      // value of the best label below it
    double share;    // probability that the text has it
    uint32_t place;  // node of `top`; 0 without any label below
    bool chosen;
  };
  void sum_up(const float *logits);

  const slu_model &model_;
  const uint32_t count_;  // of labels
  Node *nodes_;           // [count_ + 1]
};

}  // namespace slu
