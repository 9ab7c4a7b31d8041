// What the tests see of the engine's inside, as C functions for ctypes: libslu_hooks.so is libslu.so and these.
#include <string.h>

#include "../../../cpp_runtime/src/context.h"
#include "../../../cpp_runtime/src/ngrams.h"
#include "../../../cpp_runtime/src/utf8.h"

#define HOOK extern "C" __attribute__((visibility("default")))

namespace {

struct States {
  float *to;
  size_t hidden, padded, tokens;
};

void copy_state(void *user, uint32_t layer, const float *hidden) {
  const auto *states = static_cast<const States *>(user);
  for (size_t t = 0; t < states->tokens; ++t)
    memcpy(states->to + (layer * states->tokens + t) * states->hidden, hidden + t * states->padded,
           states->hidden * sizeof(float));
}

}  // namespace

// Hidden states of the embedding and of every layer: [layers + 1][tokens][hidden_size].
HOOK slu_status hook_states(slu_context *context, const int32_t *ids, const float *flags, uint32_t count,
                            float *states) {
  States target = {states, context->model.info.hidden_size, context->model.hidden_padded, count};
  context->encoder.observer = copy_state;
  context->encoder.observer_data = &target;
  const slu_input input = {sizeof(slu_input), count, ids, flags};
  const slu_logits *logits;
  const slu_status status = slu_run(context, &input, &logits);
  context->encoder.observer = nullptr;
  return status;
}

// The row of the table of n-grams of each token.
HOOK void hook_ngram_rows(const slu_context *context, const int32_t *ids, uint32_t count, uint32_t *rows) {
  slu::ngram_rows(context->model, ids, count, rows);
}

// Integer products of packed weights, [rows][out_padded]. `x` is [rows][in_padded] without offset. False when the
// kernel does not run here.
HOOK int hook_products(const char *kernel, const int8_t *weight, const int32_t *sums, const int8_t *x,
                       uint32_t rows, uint32_t in_padded, uint32_t out_padded, int32_t *acc) {
  const slu::Kernels *kernels = slu::kernels_named(kernel);
  if (!kernels) return 0;
  slu::Linear linear;
  linear.in = linear.in_padded = in_padded;
  linear.out = linear.out_padded = out_padded;
  linear.weight = weight;
  linear.sums = sums;
  // Exactly as large as it is said to be, so that sanitizers see reads outside.
  const size_t bytes = size_t{rows} * in_padded;
  auto *input = static_cast<int8_t *>(slu::os_allocate(bytes));
  for (size_t i = 0; i < bytes; ++i) input[i] = static_cast<int8_t>(x[i] + kernels->input_offset);
  const size_t scratch_bytes = slu::round_up(rows, 8) * in_padded;
  auto *scratch = static_cast<int8_t *>(slu::os_allocate(scratch_bytes));
  kernels->products(linear, {input, in_padded, rows, scratch}, acc);
  slu::os_free(scratch, scratch_bytes);
  slu::os_free(input, bytes);
  return 1;
}

// x becomes function(x): "tanh" or "gelu".
HOOK int hook_function(const char *kernel, const char *name, float *x, uint32_t count) {
  const slu::Kernels *kernels = slu::kernels_named(kernel);
  if (!kernels || count % slu::kLanes) return 0;
  (strcmp(name, "tanh") ? kernels->floats->gelu : kernels->floats->tanh)(x, count);
  return 1;
}

// What the tokenizer makes of one code point: class, bytes and UTF-8 text (24 bytes at most).
HOOK void hook_normalise(uint32_t code, uint8_t *kind, uint8_t *bytes, uint8_t *characters, uint8_t *text) {
  slu::Normalised normalised;
  slu::normalise(code, &normalised);
  *kind = static_cast<uint8_t>(normalised.kind);
  *bytes = normalised.bytes;
  *characters = normalised.characters;
  memcpy(text, normalised.text, normalised.bytes);
}

// Classes [code points] and UTF-8 characters (24 bytes a code point at most) of a text that is UTF-8, normalised as
// "speech-1". Returns the bytes of the characters.
HOOK size_t hook_normalise_text(const uint8_t *text, size_t bytes, uint8_t *kinds, uint8_t *characters) {
  slu::Normaliser normaliser(slu::Normalisation::kSpeech);
  size_t used = 0;
  for (size_t at = 0; at < bytes;) {
    uint32_t code = 0;
    at += slu::utf8_decode(text + at, bytes - at, &code);
    slu::Normalised character;
    normaliser.read(code, text + at, bytes - at, &character);
    *kinds++ = static_cast<uint8_t>(character.kind);
    memcpy(characters + used, character.text, character.bytes);
    used += character.bytes;
  }
  return used;
}

// Decodes logits (which it overwrites); returns the intent, fills tags [tokens] and the score.
HOOK uint32_t hook_decode(slu_context *context, float *intents, float *slots, uint32_t tokens, float *score,
                          uint16_t *tags) {
  const slu::Decision decision = context->decoder.run(intents, slots, tokens);
  *score = decision.score;
  memcpy(tags, context->decoder.tags(), tokens * sizeof(uint16_t));
  return decision.intent;
}
