// The network by another runtime: the same class as src/encoder.h, which the files of src/ are compiled with when
// SLU_BACKEND is defined.
#pragma once

#include "../src/model.h"

namespace slu {

// What computes the network, by the name that slu_kernel_name lists: here one of the engines that this build of the
// runtime has.
struct Engine {
  const char *name;
};
const Engine *engine_at(uint32_t index);  // null past the last one
const Engine *engine_named(View name);    // null when there is none
// One that computes nothing, of a context that is only measured.
const Engine &any_engine();

class Network;
struct NetworkFile;

class Encoder {
 public:
  // Takes the memory of inputs and logits out of `arena`.
  Encoder(const slu_model &model, const Engine &engine, Arena *arena);
  // Load the network. What it throws ends here, as in compute.
  slu_status open(Message &message);
  void close();
  // `ids` and `flags` as in src/encoder.h; both are padded to the length of the network.
  slu_status compute(const int32_t *ids, const uint64_t *flags, uint32_t count, slu_error *error);
  float *intents() { return intents_; }  // [intent_count]
  float *slots() { return slots_; }      // [count][tag_count]

 private:
  const NetworkFile &file_;
  const Engine &engine_;
  Network *network_ = nullptr;
  int32_t *ids_;    // [length]
  float *flags_;    // [length][flag_count], of models that take flags
  float *intents_;  // [intent_count]
  float *slots_;    // [length][tag_count]
};

}  // namespace slu
