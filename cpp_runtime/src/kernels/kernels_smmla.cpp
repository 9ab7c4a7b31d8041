// SMMLA: 2 tokens of 8 inputs times 8 inputs of 2 outputs, 32 products an instruction. The weights of two groups are
// brought together by ZIP, which gives 8 inputs of an output in a row. Inputs are arranged as [8 inputs][token][8].
#include "simd_neon.h"
#include "tile.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 0;
constexpr size_t kMostRows = 8;
constexpr size_t panels_at_once(size_t) { return 1; }

constexpr bool kArranges = true;
constexpr size_t arranged_rows(size_t rows) { return (rows + 1) / 2 * 2; }

// x[rows][inputs] becomes to[inputs / 8][arranged_rows(rows)][8]; a row that is not there repeats the last one.
inline void arrange_tile(const int8_t *x, size_t stride, size_t rows, size_t inputs, int8_t *to) {
  const size_t step = arranged_rows(rows) * 8;
  for (size_t row = 0; row < rows; row += 2) {
    const int8_t *a = x + row * stride, *b = row + 1 < rows ? a + stride : a;
    int8_t *out = to + row * 8;
    size_t k = 0;
    for (; k + 16 <= inputs; k += 16, out += 2 * step) {
      const int64x2_t u = vreinterpretq_s64_s8(vld1q_s8(a + k)), v = vreinterpretq_s64_s8(vld1q_s8(b + k));
      vst1q_s8(out, vreinterpretq_s8_s64(vzip1q_s64(u, v)));
      vst1q_s8(out + step, vreinterpretq_s8_s64(vzip2q_s64(u, v)));
    }
    if (k < inputs) vst1q_s8(out, vcombine_s8(vld1_s8(a + k), vld1_s8(b + k)));
  }
}

inline int8x16_t zip_words(int8x16_t a, int8x16_t b, bool high) {
  const int32x4_t x = vreinterpretq_s32_s8(a), y = vreinterpretq_s32_s8(b);
  return vreinterpretq_s8_s32(high ? vzip2q_s32(x, y) : vzip1q_s32(x, y));
}

// 8 outputs for kRows tokens.
template <size_t kRows>
inline void products_part(const int8_t *weights, size_t groups, const int8_t *x, int32_t *out) {
  constexpr size_t kPairs = arranged_rows(kRows) / 2;
  int32x4_t sums[kPairs][4];  // token 0: outputs 0, 1; token 1: outputs 0, 1
  for (auto &pair : sums)
    for (auto &sum : pair) sum = vdupq_n_s32(0);
  for (; groups; groups -= 2, weights += 2 * 64, x += kPairs * 16) {  // groups is even
    int8x16_t w[4];
    SLU_UNROLL for (size_t v = 0; v < 2; ++v) {
      const int8x16_t even = vld1q_s8(weights + v * 16), odd = vld1q_s8(weights + 64 + v * 16);
      w[2 * v] = zip_words(even, odd, false);
      w[2 * v + 1] = zip_words(even, odd, true);
    }
    SLU_UNROLL for (size_t m = 0; m < kPairs; ++m) {
      const int8x16_t inputs = vld1q_s8(x + m * 16);
      SLU_UNROLL for (size_t v = 0; v < 4; ++v) sums[m][v] = vmmlaq_s32(sums[m][v], inputs, w[v]);
    }
  }
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) SLU_UNROLL for (size_t v = 0; v < 4; ++v) vst1_s32(
      out + m * kLanes + v * 2, m % 2 ? vget_high_s32(sums[m / 2][v]) : vget_low_s32(sums[m / 2][v]));
}

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  for (size_t v = 0; v < (tile.half() ? 2 : 4); v += 2)
    products_part<kRows>(tile.weights() + v * 16, tile.groups(), reinterpret_cast<const int8_t *>(tile.x),
                         tile.sums + v * 4);
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"

SLU_KERNELS(kSmmlaKernels, "smmla", kNeonFloats)
