// AVX2 has products of unsigned with signed bytes, summed in pairs to 16 bits, which saturate. |w| * (x with the sign
// of w) is at most 2 * 128 * 127 a pair and does not.
#include "simd_avx2.h"
#include "tile.h"
#include "unarranged.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 0;
constexpr size_t kMostRows = 4;
constexpr size_t panels_at_once(size_t rows) { return rows <= 2 ? 2 : 1; }

struct Weights {
  __m256i absolute, sign;
};
inline Weights prepare(__m256i weights) { return {_mm256_abs_epi8(weights), weights}; }
inline __m256i add_products(__m256i sums, __m256i inputs, Weights weights) {
  const __m256i pairs = _mm256_maddubs_epi16(weights.absolute, _mm256_sign_epi8(inputs, weights.sign));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

}  // namespace
}  // namespace slu

#include "tile_ymm.h"
#include "integer_functions.h"

SLU_KERNELS(kAvx2Kernels, "avx2", kAvx2Floats)
