// WebAssembly's SIMD128: weights and inputs are widened to 16 bits, i32x4.dot_i16x8_s adds two products to 32 bits. A
// register of sums then holds 2 outputs, twice: inputs 0, 1 and inputs 2, 3 of the groups.
#include "simd_wasm.h"
#include "tile.h"
#include "unarranged.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 0;
constexpr size_t kMostRows = 4;
constexpr size_t panels_at_once(size_t) { return 1; }

inline V add_products(V sums, V weights, V inputs) {
  return wasm_i32x4_add(sums, wasm_i32x4_dot_i16x8(weights, inputs));
}

// kVectors times 4 outputs.
template <size_t kRows, size_t kVectors>
inline void products_part(const int8_t *weights, size_t groups, const uint8_t *x, size_t row_bytes,
                          int32_t *out) {
  V sums[kRows][2 * kVectors];
  for (auto &row : sums)
    for (V &sum : row) sum = wasm_i32x4_const_splat(0);
  for (size_t g = 0; g < groups; g += 2, weights += 128) {  // groups is even
    V even[kRows], odd[kRows];
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const V both = wasm_i16x8_load8x8(x + m * row_bytes + g * kGroup);
      even[m] = wasm_i64x2_shuffle(both, both, 0, 0);
      odd[m] = wasm_i64x2_shuffle(both, both, 1, 1);
    }
    SLU_UNROLL for (size_t v = 0; v < 2 * kVectors; ++v) {
      const V w = wasm_i16x8_load8x8(weights + v * 8);
      SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[m][v] = add_products(sums[m][v], w, even[m]);
    }
    SLU_UNROLL for (size_t v = 0; v < 2 * kVectors; ++v) {
      const V w = wasm_i16x8_load8x8(weights + 64 + v * 8);
      SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[m][v] = add_products(sums[m][v], w, odd[m]);
    }
  }
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) SLU_UNROLL for (size_t v = 0; v < kVectors; ++v) {
    const V low = sums[m][2 * v], high = sums[m][2 * v + 1];
    wasm_v128_store(out + m * kLanes + v * 4, wasm_i32x4_add(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
                                                             wasm_i32x4_shuffle(low, high, 1, 3, 5, 7)));
  }
}

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  constexpr size_t kVectors = kRows <= 2 ? 2 : 1;
  for (size_t v = 0; v < (tile.half() ? 2 : 4); v += kVectors)
    products_part<kRows, kVectors>(tile.weights() + v * 16, tile.groups(), tile.x, tile.row_bytes,
                                   tile.sums + v * 4);
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"

#if defined(__wasm_relaxed_simd__)
SLU_KERNELS(kRelaxedKernels, "relaxed", kWasmFloats)
#else
SLU_KERNELS(kSimd128Kernels, "simd128", kWasmFloats)
#endif
