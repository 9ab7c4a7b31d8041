// N-grams of tokens, a further input of the network; slu/inputs/ngrams.py says what they are.
#pragma once

#include "gguf.h"
#include "model.h"

namespace slu {

// The sizes of the table, of a model that reads n-grams or does not. Returns the key that does not agree with that, or
// is out of bounds, null if none is.
const Key *ngrams_sizes(const Key &rows, const Key &width, bool wanted, Ngrams *ngrams);
// The row of each of `count` tokens in the table, into `rows`.
void ngram_rows(const slu_model &model, const int32_t *ids, uint32_t count, uint32_t *rows);
// A row of the table as floats, [model.ngrams.width].
void ngram_values(const Ngrams &ngrams, uint32_t row, float *values);
// Whether `keys` ascend, none of them twice.
bool ngram_keys_good(const Ngrams &ngrams);

}  // namespace slu
