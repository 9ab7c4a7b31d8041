#include "integer_attention.h"

#include "kernels/transpose.h"

namespace slu {
namespace {

// Rows of INT8, up to 16, as a panel of weights: 4 bytes of each side by side. In the place of missing ones there are copies
// of the last, which change no largest score.
void pack(const int8_t *rows, size_t count, size_t row_bytes, int8_t *panel) {
  for (size_t i = 0; i < kLanes; i += 4) {
    for (size_t d = 0; d < row_bytes; d += sizeof(Words)) {
      Words words[4];
      for (size_t j = 0; j < 4; ++j)
        words[j] = load_words(rows + (i + j < count ? i + j : count - 1) * row_bytes + d);
      transpose(words);
      for (size_t j = 0; j < 4 && d + j * kGroup < row_bytes; ++j)
        copy_bytes(panel + (d + j * kGroup) * kLanes + i * kGroup, &words[j], sizeof words[j]);
    }
  }
}

// The keys of one head, `keys` in floats, as an INT8 linear layer: its outputs are the scores of a query.
Linear layer_of_keys(const Kernels &kernels, const Attention &a, const float *keys, float inverse,
                     const IntegerScratch &scratch) {
  Linear layer;
  layer.in = a.head_size;
  layer.in_padded = static_cast<uint32_t>(round_up(a.head_size, 2 * kGroup));
  // Copies of keys count as outputs: kernels leave out others of a panel.
  layer.out = layer.out_padded = static_cast<uint32_t>(round_up(a.tokens, kLanes));
  layer.weight = scratch.keys;
  layer.sums = scratch.sums;
  for (size_t t = 0; t < a.tokens; t += kLanes) {
    const size_t rows = a.tokens - t < kLanes ? a.tokens - t : kLanes;
    kernels.floats->quantise(keys + t * a.qkv_stride, a.qkv_stride, rows, a.head_size, inverse, 0,
                             scratch.rows, layer.in_padded);
    for (size_t d = a.head_size; d < layer.in_padded; ++d)
      for (size_t i = 0; i < rows; ++i) scratch.rows[i * layer.in_padded + d] = 0;
    pack(scratch.rows, rows, layer.in_padded, scratch.keys + t * layer.in_padded);
  }
  if (kernels.input_offset) {
    // The sums of the keys are their products with ones.
    for (size_t t = 0; t < layer.out_padded; ++t) scratch.sums[t] = 0;
    for (size_t d = 0; d < layer.in_padded; ++d) scratch.rows[d] = 1;
    auto *sums = reinterpret_cast<int32_t *>(a.scores);
    kernels.products(layer, {scratch.rows, layer.in_padded, 1, scratch.arranged}, sums);
    copy_bytes(scratch.sums, sums, layer.out_padded * sizeof(int32_t));
  }
  return layer;
}

}  // namespace

void integer_attention(const Kernels &kernels, const Attention &a, const ScoreSteps &steps,
                       const IntegerScratch &scratch) {
  const size_t inner = size_t{a.heads} * a.head_size;
  const auto scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(a.head_size)) *
                                        static_cast<double>(steps.step));
  for (size_t head = 0; head < a.heads; ++head) {
    const float *queries = a.qkv + head * a.head_size;
    const Linear keys = layer_of_keys(kernels, a, queries + inner, steps.key_inverse, scratch);
    for (size_t row = 0; row < a.queries; row += kScoreRows) {
      const size_t rows = a.queries - row < kScoreRows ? a.queries - row : kScoreRows;
      kernels.floats->quantise(queries + row * a.qkv_stride, a.qkv_stride, rows, a.head_size,
                               steps.query_inverse, kernels.input_offset, scratch.rows, keys.in_padded);
      kernels.products(keys, {scratch.rows, keys.in_padded, rows, scratch.arranged},
                       reinterpret_cast<int32_t *>(a.scores));
      kernels.floats->mix(a, row, rows, head, scale);
    }
  }
}

}  // namespace slu
