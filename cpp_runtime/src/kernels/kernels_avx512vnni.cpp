// VPDPBUSD on 512 bits: 64 products an instruction, one panel of 16 outputs a register.
#include "simd_avx512.h"
#include "tile.h"
#include "unarranged.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 128;  // the inputs are the unsigned operand
constexpr size_t kMostRows = 12;
// The instruction takes 4 cycles (5 on Intel), and one or two start in each: 8 or more sums hide that.
constexpr size_t panels_at_once(size_t rows) { return rows == 1 ? 8 : rows == 2 ? 6 : rows <= 6 ? 3 : 2; }

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  const int8_t *weights = tile.weights();
  const size_t panel_bytes = tile.panel_bytes(), groups = tile.groups();
  const uint8_t *x[kRows];
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) x[m] = tile.x + m * tile.row_bytes;
  __m512i sums[kPanels][kRows];
  SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) {
    // Every input is 128 too large.
    const __m512i excess =
        _mm512_slli_epi32(_mm512_loadu_si512(tile.linear.sums + (tile.panel + p) * kLanes), 7);
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[p][m] =
        _mm512_sub_epi32(_mm512_setzero_si512(), excess);
  }
  for (size_t g = 0; g < groups; ++g) {
    __m512i w[kPanels];
    SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) w[p] =
        _mm512_loadu_si512(weights + p * panel_bytes + g * 64);
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const __m512i inputs = _mm512_set1_epi32(load_group(x[m] + g * kGroup));
      SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) sums[p][m] =
          _mm512_dpbusd_epi32(sums[p][m], inputs, w[p]);
    }
  }
  SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) SLU_UNROLL for (size_t m = 0; m < kRows; ++m)
      _mm512_storeu_si512(tile.sums + (p * kRows + m) * kLanes, sums[p][m]);
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"

SLU_KERNELS(kAvx512VnniKernels, "avx512vnni", kAvx512Floats)
