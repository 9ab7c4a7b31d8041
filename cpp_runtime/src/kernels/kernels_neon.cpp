// NEON without dot product: SMULL and SMLAL add two products in 16 bits (at most 2 * 128 * 127), SADALP adds pairs of
// those to 32 bits. A register of sums then holds 2 outputs, twice: inputs 0, 1 and inputs 2, 3 of the groups.
#if defined(__aarch64__)
#include "simd_neon.h"
#else
#include "neon_arm32.h"
#endif
#include "tile.h"
#include "unarranged.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 0;
constexpr size_t kMostRows = 4;
constexpr size_t panels_at_once(size_t) { return 1; }

// 8 outputs, from vector `first` (of 4 outputs) of a panel on.
template <size_t kRows>
inline void products_part(const int8_t *weights, size_t groups, const uint8_t *x, size_t row_bytes,
                          int32_t *out) {
  int32x4_t sums[kRows][4];
  for (auto &row : sums)
    for (auto &sum : row) sum = vdupq_n_s32(0);
  for (size_t g = 0; g < groups; g += 2) {  // groups is even
    int8x16_t even[2], odd[2];
    SLU_UNROLL for (size_t v = 0; v < 2; ++v) {
      even[v] = vld1q_s8(weights + g * 64 + v * 16);
      odd[v] = vld1q_s8(weights + (g + 1) * 64 + v * 16);
    }
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const uint8_t *inputs = x + m * row_bytes + g * kGroup;
      const int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(load_group(inputs)));
      const int8x16_t b = vreinterpretq_s8_s32(vdupq_n_s32(load_group(inputs + kGroup)));
      SLU_UNROLL for (size_t v = 0; v < 2; ++v) {
        const int16x8_t low =
            vmlal_s8(vmull_s8(vget_low_s8(even[v]), vget_low_s8(a)), vget_low_s8(odd[v]), vget_low_s8(b));
        const int16x8_t high = vmlal_high_s8(vmull_high_s8(even[v], a), odd[v], b);
        sums[m][2 * v] = vpadalq_s16(sums[m][2 * v], low);
        sums[m][2 * v + 1] = vpadalq_s16(sums[m][2 * v + 1], high);
      }
    }
  }
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) SLU_UNROLL for (size_t v = 0; v < 2; ++v)
      vst1q_s32(out + m * kLanes + v * 4, vpaddq_s32(sums[m][2 * v], sums[m][2 * v + 1]));
}

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  for (size_t v = 0; v < (tile.half() ? 2 : 4); v += 2)
    products_part<kRows>(tile.weights() + v * 16, tile.groups(), tile.x, tile.row_bytes, tile.sums + v * 4);
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"

#if defined(__aarch64__)
SLU_KERNELS(kNeonKernels, "neon", kNeonFloats)
#else
SLU_KERNELS(kNeonKernels, "neon", kVfpFloats)
#endif
