#include "ngrams.h"

namespace slu {
namespace {

constexpr uint32_t kFactor = 0x9e3779b1u;  // of the first code of a pair
constexpr uint32_t kMostRows = 1u << 24, kMostColumns = 65536;

uint32_t row_of(const Ngrams &ngrams, uint32_t key) {
  uint32_t low = 0, high = ngrams.rows - 1;  // the first key that is not below `key` is among [low, high]
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (ngrams.keys[middle] < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < ngrams.rows - 1 && ngrams.keys[low] == key ? low + 1 : 0;
}

}  // namespace

const Key *ngrams_sizes(const Key &rows, const Key &width, bool wanted, Ngrams *ngrams) {
  if (wanted != rows.found) return &rows;
  if (wanted != width.found) return &width;
  if (!wanted) return nullptr;
  ngrams->rows = rows.number<uint32_t>();
  ngrams->width = width.number<uint32_t>();
  if (ngrams->rows < 2 || ngrams->rows > kMostRows) return &rows;
  return ngrams->width < 1 || ngrams->width > kMostColumns ? &width : nullptr;
}

void ngram_rows(const slu_model &model, const int32_t *ids, uint32_t count, uint32_t *rows) {
  uint32_t before = 0;
  for (uint32_t t = 0; t < count; ++t) {
    const uint32_t code = model.vocabulary.hash_of(static_cast<uint32_t>(ids[t]));
    rows[t] = t ? row_of(model.ngrams, before * kFactor + code) : 0;
    before = code;
  }
}

void ngram_values(const Ngrams &ngrams, uint32_t row, float *values) {
  const size_t first = size_t{row} * ngrams.width;
  if (ngrams.table.values) {
    copy_bytes(values, ngrams.table.values + first, ngrams.width * sizeof(float));
    return;
  }
  const float scale = ngrams.table.scale[row];
  for (uint32_t i = 0; i < ngrams.width; ++i)
    values[i] = static_cast<float>(ngrams.table.quantised[first + i]) * scale;
}

bool ngram_keys_good(const Ngrams &ngrams) {
  for (uint32_t i = 1; i + 1 < ngrams.rows; ++i)
    if (ngrams.keys[i] <= ngrams.keys[i - 1]) return false;
  return true;
}

}  // namespace slu
