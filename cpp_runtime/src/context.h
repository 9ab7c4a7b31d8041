// The working memory of one thread, and the steps of a parse.
#pragma once

#include "decoder.h"
#include "encoder.h"
#include "tokenizer.h"

struct slu_context {
  slu_context(const slu_model &model, const slu::Kernels &kernels, slu::Arena *arena);

  slu_status tokenize(slu::View text);
  void compute() { encoder.run(tokens.ids, tokens.count); }
  void decode();

  const slu_model &model;
  slu::Tokens tokens;
  slu::Tokenizer tokenizer;
  slu::Encoder encoder;
  slu::Decoder decoder;
  slu_slot *slots;  // [max_tokens]
  slu_result result{};
  slu_tokens public_tokens{};
  slu_logits logits{};
  slu_error error{};
  size_t own_bytes = 0;  // of this allocation
};

namespace slu {

slu_status context_create(const slu_model &model, const Kernels &kernels, slu_context **context,
                          Message &message);
// What context_create would take.
size_t context_bytes(const slu_model &model);

}  // namespace slu
