// The network: token ids in, logits out.
#pragma once

#include "kernels/kernels.h"
#include "model.h"

namespace slu {

// What computes the network, by the name that slu_kernel_name lists: here a set of kernels.
using Engine = Kernels;
inline const Engine *engine_at(uint32_t index) { return kernels_at(index); }  // null past the last one
inline const Engine *engine_named(View name) { return kernels_named(name); }  // null when there is none
// One that is always there, of a context that is only measured.
inline const Engine &any_engine() { return *kernels_at(0); }

class Encoder {
 public:
  // Takes its working memory out of `arena`: enough for max_tokens.
  Encoder(const slu_model &model, const Engine &engine, Arena *arena);
  // What a library with another runtime may fail in; nothing here.
  slu_status open(Message &) { return SLU_OK; }
  void close() {}
  slu_status compute(const int32_t *ids, const uint64_t *flags, uint32_t count, slu_error *) {
    run(ids, flags, count);
    return SLU_OK;
  }
  // `ids`: [count], count in 1..max_tokens, every one below vocab_size. `flags`: bits [count][flag_words], column c of
  // a token in bit c % 64 of its word c / 64, or null for none.
  void run(const int32_t *ids, const uint64_t *flags, uint32_t count);
  float *intents() { return intents_; }  // [intent_count]
  float *slots() { return slots_; }      // [count][tag_count]
  // For tests: called with the hidden states [count][hidden_padded] of the embedding (0) and of each layer (1...).
  void (*observer)(void *user, uint32_t layer, const float *hidden) = nullptr;
  void *observer_data = nullptr;

 private:
  // What the pairs of tokens add to the embeddings, [count][hidden_padded]; null in a model that reads none.
  const float *ngrams(const int32_t *ids, uint32_t count);
  // Of `count` tokens; the first `wanted` of them are what comes out.
  void layer(const Layer &layer, uint32_t count, uint32_t wanted);
  // What follows the attention of a layer, for `count` tokens up to the block: `x` is of the residual stream.
  void finish(const Layer &layer, const float *attended, float *x, size_t count);
  void heads(uint32_t count);
  // x, `rows` rows and `stride` floats from row to row, as the linear layer wants it: itself, or int8.
  Input input_of(const Linear &linear, const float *x, size_t stride, size_t rows);

  // y = x * W + b, whatever the weights are.
  void linear(const Linear &linear, const float *x, size_t stride, size_t rows, float *y, size_t y_stride);

  const slu_model &model_;
  const Kernels &kernels_;
  const FloatKernels &floats_;
  size_t qkv_stride_, wide_stride_, int8_stride_;
  float *hidden_;      // [max_tokens][hidden_padded], the residual stream
  float *update_;      // [block][hidden_padded], what a sublayer adds to it; what n-grams do, of max_tokens
  float *qkv_;         // [max_tokens][qkv_stride]
  float *keys_;        // of one head, transposed
  float *scores_;      // of one head, 4 queries, or kScoreRows of INT8
  int8_t *quantised_;  // [block][int8_stride], input of the next linear layer
  int8_t *wide_;       // [block][wide_stride], between the linear layers of the feed-forward part
  int8_t *arranged_;   // [round_up(block, 8)][the wider of the two]: see Input::scratch
  float *wide_float_;  // the same in floats, when one of the two has float weights; null otherwise
  float *pooled_;      // [hidden_padded]
  float *tag_rows_;    // [max_tokens][tags_padded]
  float *intents_;     // [intents_padded]
  float *slots_;       // [max_tokens][tag_count]
  uint32_t *ngram_rows_ = nullptr;  // [max_tokens], of models that read n-grams
  float *ngram_values_ = nullptr;   // [max_tokens][their width]
};

}  // namespace slu
