// An opened model: pointers into the mapped file, every one of them checked, and what is built at open.
#pragma once

#include "base.h"
#include "lexicon.h"
#include "os.h"
#include "pins.h"
#include "shared_level.h"
#include "vocabulary.h"

namespace slu {

// Version 2 is version 1 with a normalisation, which older libraries would leave out; version 3 has another head; version
// 4 is any of these with attention scores of INT8.
constexpr uint32_t kFormatVersion = 1, kNormalisingVersion = 2, kHeadVersion = 3, kScoresVersion = 4;
constexpr size_t kGroup = 4;  // inputs of one step of an int8 dot product

// y[out] = x[in] * W + b. Weights lie in panels of 16 outputs, so that every kernel can read them in place:
//   int8:  weight[out / 16][in_padded / 4][16][4]      float: weight[out / 16][in][16]
// All per-output vectors are padded with zeros to out_padded, as the weights are.
struct Linear {
  uint32_t in = 0;
  uint32_t in_padded = 0;  // int8: multiple of 8, so that pairs of groups suit SMMLA; float: in
  uint32_t out = 0;
  uint32_t out_padded = 0;         // multiple of 16
  const int8_t *weight = nullptr;  // int8 or null
  const float *weight_float = nullptr;
  const float *scale = nullptr;  // [out_padded], weight scales; int8 only
  const int32_t *sums =
      nullptr;  // [out_padded], sums of int8 weights over inputs: for kernels with unsigned inputs
  const float *bias = nullptr;  // [out_padded]
  float input_scale = 0;        // step of the int8 input
  float input_inverse = 0;      // 1 / input_scale

  bool quantised() const { return weight != nullptr; }
};

// Rows of a lookup table, [rows][hidden] unless it says otherwise, float or int8 with a scale a row.
struct Table {
  const int8_t *quantised = nullptr;
  const float *values = nullptr;
  const float *scale = nullptr;
};

// Pairs of tokens, see ngrams.h.
struct Ngrams {
  uint32_t rows = 0;  // 0: the model does not read them
  uint32_t width = 0;
  const uint32_t *keys =
      nullptr;        // [rows - 1], ascending; the pair of keys[i] has row i + 1, others have row 0
  Table table;        // [rows][width]
  Linear projection;  // [width → hidden], float
};

struct Norm {
  const float *weight = nullptr;  // [hidden_padded], padded with zeros
  const float *bias = nullptr;
};

// Attention scores of INT8: query and key times their inverses, rounded as the inputs of linear layers; their product
// times `step`.
struct ScoreSteps {
  float query_inverse = 0;  // 1 / step of the queries
  float key_inverse = 0;    // 1 / step of the keys
  float step = 0;           // product of the two steps
};

struct Layer {
  Linear qkv;            // [hidden → 3 * heads * head_size], queries, keys, values
  ScoreSteps scores;     // of models with integer_scores
  Linear attention_out;  // [heads * head_size → hidden]
  Norm attention_norm;
  Linear up;    // [hidden → intermediate], GELU follows
  Linear down;  // [intermediate → hidden]
  Norm down_norm;
};

// Slots that some intents share: tags that may be used with these intents.
using SlotSet = slu_slot_set;

}  // namespace slu

struct slu_model {
  slu_info info{};
  float epsilon = 0;
  uint32_t tag_count = 0;
  uint32_t hidden_padded = 0;
  slu::Normalisation normalisation = slu::Normalisation::kPlain;
  slu::Vocabulary vocabulary;
  slu::Table tokens;                // [vocab_size][hidden]
  slu::Table positions;             // [max_tokens][hidden]
  const float *constant = nullptr;  // [hidden_padded]: token type 0 and task, added to every token
  slu::Table flags;                 // [flag_count][hidden], of models that take flags
  size_t flag_words = 0;            // 64-bit words of a token's flags, 0 when there are none
  slu::Ngrams ngrams;
  slu::Norm embedding_norm;
  slu::Layer *layers = nullptr;      // [info.layers]
  slu::Linear pooler, intent, slot;  // `intent` is of the labels in models of labels; no pooler without it
                                     // `slot` is to begin and to end the answer in models of answers
  bool integer_scores() const { return info.format_version == slu::kScoresVersion; }
  bool answers_labels() const { return info.label_rules != nullptr; }
  bool answers_spans() const { return !info.intent_count; }  // alone, without intents
  // One span of the second text, or none.
  bool answers_questions() const { return answers_spans() && info.pairs; }
  slu::SlotSet *slot_sets = nullptr;  // [slot_set_count]
  uint16_t *set_of_intent = nullptr;  // [intent_count or, of spans alone, 1] into slot_sets
  uint32_t slot_set_count = 0;
  slu::LexiconLevel lists;                              // that the file has
  mutable slu::SharedLevel<slu::LexiconLevel> lexicon;  // what slu_model_change_lexicon says
  mutable slu::SharedLevel<slu::PinLevel> pins;         // what slu_model_change_pins says

  void *network = nullptr;  // of a library with another runtime (backends/); null here
  slu::Mapping mapping;     // to be unmapped at the end; data is null when the memory is the caller's
  size_t own_bytes = 0;     // of this allocation
};

namespace slu {

// Build a model over a file in memory. On failure nothing is left behind.
slu_status model_create(const uint8_t *data, size_t bytes, slu_model **model, Message &message);
void model_destroy(slu_model *model);

}  // namespace slu
