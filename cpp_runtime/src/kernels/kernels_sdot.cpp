// SDOT: 16 products an instruction; 4 inputs of one token times 4 inputs of each of 4 outputs. Inputs are arranged as
// [group][token][4] before, so that one load brings the inputs of 4 tokens.
#include "simd_neon.h"
#include "tile.h"
#include "transpose.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 0;
constexpr size_t kMostRows = 8;
constexpr size_t panels_at_once(size_t rows) { return rows == 1 ? 2 : 1; }

constexpr bool kArranges = true;
constexpr size_t arranged_rows(size_t rows) { return (rows + 3) / 4 * 4; }

// x[rows][inputs] becomes to[inputs / 4][arranged_rows(rows)][4]; rows that are not there repeat the last one.
inline void arrange_tile(const int8_t *x, size_t stride, size_t rows, size_t inputs, int8_t *to) {
  const size_t step = arranged_rows(rows) * kGroup;
  for (size_t row = 0; row < rows; row += 4) {
    const int8_t *from[4];
    for (size_t i = 0; i < 4; ++i) from[i] = x + (row + i < rows ? row + i : rows - 1) * stride;
    int8_t *out = to + row * kGroup;
    size_t k = 0;
    for (; k + 16 <= inputs; k += 16) {
      Words words[4];
      for (size_t i = 0; i < 4; ++i) words[i] = load_words(from[i] + k);
      transpose(words);
      for (size_t i = 0; i < 4; ++i, out += step) copy_bytes(out, &words[i], sizeof words[i]);
    }
    for (; k < inputs; k += kGroup, out += step)
      for (size_t i = 0; i < 4; ++i) copy_bytes(out + i * kGroup, from[i] + k, kGroup);
  }
}

// kCount registers from `*p` on, which moves past them.
template <size_t kCount>
inline void load_and_advance(const int8_t **p, int8x16_t (&to)[kCount]) {
  if constexpr (kCount == 4) {
    const int8x16x4_t loaded = vld1q_s8_x4(*p);  // one LD1
    SLU_UNROLL for (size_t i = 0; i < kCount; ++i) to[i] = loaded.val[i];
  } else {
    SLU_UNROLL for (size_t i = 0; i < kCount; ++i) to[i] = vld1q_s8(*p + i * 16);
  }
  *p += kCount * 16;
}

template <size_t kRows, size_t kVectors, size_t kGroups>
inline void add_products(int32x4_t (&sums)[kRows][kVectors], const int8_t **weights, const int8_t **x) {
  constexpr size_t kQuads = arranged_rows(kRows) / 4;
  // LD1 loads four registers and advances a pointer. It is for where so many in a row can be free.
  constexpr bool kFour = kRows * kVectors <= 20;
  constexpr size_t kAtOnce = kRows * kVectors <= 16 && kGroups * kQuads % 4 == 0 ? 4 / kQuads : 1;
  int8x16_t inputs[kAtOnce * kQuads], w[kVectors];
  SLU_UNROLL for (size_t g = 0; g < kGroups; ++g) {
    if (g % kAtOnce == 0) load_and_advance(x, inputs);
    if constexpr (kVectors == 4 && kFour) {
      load_and_advance(weights, w);
    } else {
      SLU_UNROLL for (size_t v = 0; v < kVectors; ++v) w[v] = vld1q_s8(*weights + g * 64 + v * 16);
    }
    SLU_UNROLL for (size_t v = 0; v < kVectors; ++v) {
      SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
        const int8x16_t input = inputs[g % kAtOnce * kQuads + m / 4];
        if (m % 4 == 0) sums[m][v] = vdotq_laneq_s32(sums[m][v], w[v], input, 0);
        if (m % 4 == 1) sums[m][v] = vdotq_laneq_s32(sums[m][v], w[v], input, 1);
        if (m % 4 == 2) sums[m][v] = vdotq_laneq_s32(sums[m][v], w[v], input, 2);
        if (m % 4 == 3) sums[m][v] = vdotq_laneq_s32(sums[m][v], w[v], input, 3);
      }
    }
    // Each pointer is the one before, advanced, and not before these products are on their way. Compilers would compute
    // all of them from the first, which takes more instructions, and load when there are no registers for it.
    if constexpr (kFour) asm("" : "+r"(*weights), "+r"(*x), "+w"(sums[kRows - 1][0]));
  }
  if constexpr (kVectors < 4 || !kFour) *weights += kGroups * 64;
}

// kVectors registers of 4 outputs. 6 rows by 4 or 8 by 2 leave registers for the weights and the inputs.
template <size_t kRows, size_t kVectors>
inline void products_part(const int8_t *weights, size_t groups, const int8_t *x, int32_t *out) {
  int32x4_t sums[kRows][kVectors];
  for (auto &row : sums)
    for (auto &sum : row) sum = vdupq_n_s32(0);
  // Clang keeps all in registers with so many, and not with more.
  constexpr size_t kUnroll = kVectors == 4 && kRows < 6 ? 4 : 8;
  for (size_t left = groups / kUnroll; left; --left)
    add_products<kRows, kVectors, kUnroll>(sums, &weights, &x);
  for (size_t left = groups % kUnroll; left; left -= 2)  // groups is even
    add_products<kRows, kVectors, 2>(sums, &weights, &x);
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) SLU_UNROLL for (size_t v = 0; v < kVectors; ++v)
      vst1q_s32(out + m * kLanes + v * 4, sums[m][v]);
}

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  const auto *x = reinterpret_cast<const int8_t *>(tile.x);
  for (size_t p = 0; p < kPanels; ++p) {
    const int8_t *weights = tile.weights() + p * tile.panel_bytes();
    int32_t *out = tile.sums + p * kRows * kLanes;
    if constexpr (kRows <= 6) {
      products_part<kRows, 4>(weights, tile.groups(), x, out);
    } else {
      for (size_t v = 0; v < (tile.half() ? 2 : 4); v += 2)
        products_part<kRows, 2>(weights + v * 16, tile.groups(), x, out + v * 4);
    }
  }
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"

SLU_KERNELS(kSdotKernels, "sdot", kNeonFloats)
