// Relaxed SIMD's dot product: 16 products an instruction where the processor has one, such as SDOT or VPDPBUSD. It is
// defined for a second operand within 7 bits; os_cpu finds out what this engine does with 8. The including file defines
// kInputOffset.
#pragma once

#include "simd_wasm.h"
#include "tile.h"
#include "unarranged.h"

#if !defined(SLU_RELAXED_DOT)  // as in a test, on processors that have none
#define SLU_RELAXED_DOT wasm_i32x4_relaxed_dot_i8x16_i7x16_add
#endif

namespace slu {
namespace {

constexpr size_t kMostRows = 4;
constexpr size_t panels_at_once(size_t) { return 1; }

// kVectors times 4 outputs.
template <size_t kRows, size_t kVectors>
inline void products_part(const int8_t *weights, size_t groups, const uint8_t *x, size_t row_bytes,
                          const int32_t *excess, int32_t *out) {
  V sums[kRows][kVectors];
  SLU_UNROLL for (size_t v = 0; v < kVectors; ++v) {
    // Every input is kInputOffset too large.
    V start = wasm_i32x4_const_splat(0);
    if (kInputOffset) start = wasm_i32x4_sub(start, wasm_i32x4_shl(wasm_v128_load(excess + v * 4), 7));
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[m][v] = start;
  }
  for (size_t g = 0; g < groups; ++g, weights += 64) {
    V w[kVectors];
    SLU_UNROLL for (size_t v = 0; v < kVectors; ++v) w[v] = wasm_v128_load(weights + v * 16);
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const V inputs = wasm_v128_load32_splat(x + m * row_bytes + g * kGroup);
      SLU_UNROLL for (size_t v = 0; v < kVectors; ++v) sums[m][v] = SLU_RELAXED_DOT(w[v], inputs, sums[m][v]);
    }
  }
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) SLU_UNROLL for (size_t v = 0; v < kVectors; ++v)
      wasm_v128_store(out + m * kLanes + v * 4, sums[m][v]);
}

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  constexpr size_t kVectors = kRows <= 2 ? 4 : 2;
  for (size_t v = 0; v < (tile.half() ? 2 : 4); v += kVectors)
    products_part<kRows, kVectors>(tile.weights() + v * 16, tile.groups(), tile.x, tile.row_bytes,
                                   tile.linear.sums + tile.panel * kLanes + v * 4, tile.sums + v * 4);
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"
