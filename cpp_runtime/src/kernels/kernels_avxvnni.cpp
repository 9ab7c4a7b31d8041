// VPDPBUSD on 256 bits, for processors with AVX-VNNI and no AVX-512.
#include "simd_avx2.h"
#include "tile.h"
#include "unarranged.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 128;  // the inputs are the unsigned operand
constexpr size_t kMostRows = 6;
constexpr size_t panels_at_once(size_t rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }

using Weights = __m256i;
inline Weights prepare(__m256i weights) { return weights; }
inline __m256i add_products(__m256i sums, __m256i inputs, Weights weights) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sums, inputs, weights);
#else
  // The same in the encoding of AVX-512, so that this file can be tested on processors that have only that.
  return _mm256_dpbusd_epi32(sums, inputs, weights);
#endif
}

}  // namespace
}  // namespace slu

#include "tile_ymm.h"
#include "integer_functions.h"

SLU_KERNELS(kAvxVnniKernels, "avxvnni", kAvx2Floats)
