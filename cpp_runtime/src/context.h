// The working memory of one thread, and the steps of a parse.
#pragma once

#include "answer_decoder.h"
#include "decoder.h"
#ifdef SLU_BACKEND
#include "../backends/encoder.h"  // the same class over another runtime
#else
#include "encoder.h"
#endif
#include "label_decoder.h"
#include "tokenizer.h"

struct slu_context {
  slu_context(const slu_model &model, const slu::Engine &engine, slu::Arena *arena);

  // Whether the answer to `text` is pinned; it is then in `result`.
  bool pinned(slu::View text) { return (pins || model.pins.any()) && find_pin(text); }
  slu_status tokenize(slu::View text);
  // The second input for `tokens`: bits [tokens.count][flag_words], null when none is set.
  const uint64_t *match();
  // Leaves the logits in encoder.
  slu_status compute(const int32_t *ids, const uint64_t *bits, uint32_t count) {
    return encoder.compute(ids, bits, count, &error);
  }
  // What was computed for the tokens of `text`.
  void decode(slu::View text);
  // The answer of a model of questions and passages: reads all windows and leaves it in result.
  slu_status answer_question(slu::View text);

  const slu_model &model;
  slu::Tokens tokens;
  slu::Tokenizer tokenizer;
  slu::Encoder encoder;
  slu::Decoder decoder;
  slu::LabelDecoder label_decoder;
  slu::AnswerDecoder answer_decoder;
  slu_label *labels;                           // [intent_count], of models of labels
  slu_slot *slots;                             // [max_tokens]
  slu::FlagBits flags;                         // [max_tokens], of models that take flags
  slu::LexiconLevel *lexicon = nullptr;        // what slu_context_change_lexicon says
  int32_t previous_intent = SLU_TURN_UNKNOWN;  // as slu_set_previous_intent set it
  slu_result result{};
  slu_tokens public_tokens{};
  slu_logits logits{};
  slu::PinLevel *pins = nullptr;  // what slu_context_change_pins says
  slu_error error{};
  size_t own_bytes = 0;  // of this allocation

 private:
  slu_status not_utf8(size_t byte);
  void decode_intent_and_slots();
  // The slots of result, with brackets whose partner they have.
  void take_in_partners(slu::View text);
  bool find_pin(slu::View text);
  void answer(const slu::Pin &pin, const slu::PinnedSlot *spans, slu::View text);
};

namespace slu {

slu_status context_create(const slu_model &model, const Engine &engine, slu_context **context,
                          Message &message);
void context_destroy(slu_context *context);
// What context_create would take.
uint64_t context_bytes(const slu_model &model);

}  // namespace slu
