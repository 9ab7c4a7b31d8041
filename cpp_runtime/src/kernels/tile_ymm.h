// int8 products on 256 bits: half a panel of 16 outputs a register. The including file defines
//   Weights prepare(__m256i weights)                          what is needed of 32 weights for many inputs
//   __m256i add_products(__m256i sums, __m256i inputs, Weights)
#pragma once

#include "tile.h"

namespace slu {
namespace {

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  constexpr size_t kHalves = 2 * kPanels;
  const int8_t *weights = tile.weights();
  const size_t panel_bytes = tile.panel_bytes(), groups = tile.groups();
  const uint8_t *x[kRows];
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) x[m] = tile.x + m * tile.row_bytes;
  __m256i sums[kHalves][kRows];
  SLU_UNROLL for (size_t h = 0; h < kHalves; ++h) {
    __m256i start = _mm256_setzero_si256();
    // Every input is kInputOffset too large.
    if (kInputOffset)
      start = _mm256_sub_epi32(
          start, _mm256_slli_epi32(load_integers(tile.linear.sums + tile.panel * kLanes + h * 8), 7));
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[h][m] = start;
  }
  for (size_t g = 0; g < groups; ++g) {
    Weights w[kHalves];
    SLU_UNROLL for (size_t h = 0; h < kHalves; ++h) w[h] =
        prepare(load_integers(weights + h / 2 * panel_bytes + g * 64 + h % 2 * 32));
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const __m256i inputs = _mm256_set1_epi32(load_group(x[m] + g * kGroup));
      SLU_UNROLL for (size_t h = 0; h < kHalves; ++h) sums[h][m] = add_products(sums[h][m], inputs, w[h]);
    }
  }
  SLU_UNROLL for (size_t h = 0; h < kHalves; ++h) SLU_UNROLL for (size_t m = 0; m < kRows; ++m)
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(tile.sums + (h / 2 * kRows + m) * kLanes + h % 2 * 8),
                          sums[h][m]);
}

}  // namespace
}  // namespace slu
