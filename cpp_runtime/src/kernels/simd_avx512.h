// Vectors of 16 floats in one register.
#pragma once

#include <immintrin.h>

#include "transpose.h"

namespace slu {
namespace {

constexpr size_t kWidth = 16;
constexpr size_t kRegisters = 32;
constexpr bool kSplatsLanes = false;  // whether v_splat(v_lane(a, i)) is cheaper than a load
constexpr bool kUsesTables = false;   // whether to load a constant each time, and not to copy it
using V = __m512;

inline V v_load(const float *p) { return _mm512_loadu_ps(p); }
inline void v_store(float *p, V a) { _mm512_storeu_ps(p, a); }
inline V v_splat(float a) { return _mm512_set1_ps(a); }
inline void v_store_transposed(float *to, const float *const (&rows)[4]) {
  store_transposed<kWidth>(to, rows);
}
inline float v_lane(V a, size_t i) { return a[i]; }
inline V v_add(V a, V b) { return _mm512_add_ps(a, b); }
inline V v_sub(V a, V b) { return _mm512_sub_ps(a, b); }
inline V v_mul(V a, V b) { return _mm512_mul_ps(a, b); }
inline V v_div(V a, V b) { return _mm512_div_ps(a, b); }
inline V v_min(V a, V b) { return _mm512_min_ps(a, b); }
inline V v_max(V a, V b) { return _mm512_max_ps(a, b); }
inline V v_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
inline V v_from_int(const int32_t *p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
#define SLU_ROUNDS  // here one instruction rounds, and one multiplies by a power of two
inline V v_fraction(V x, V *whole) {
  *whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return v_sub(x, *whole);
}
inline V v_scale(V p, V whole) { return _mm512_scalef_ps(p, whole); }
inline V v_select(const int32_t *mask, V a, V b) {
  return _mm512_mask_blend_ps(_mm512_test_epi32_mask(_mm512_loadu_si512(mask), _mm512_set1_epi32(-1)), b, a);
}

// Of 16 vectors' worth of lanes: `a` holds 16 / kWidth vectors.
inline float f16_sum(const V (&a)[1]) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a[0]), _mm512_extractf32x8_ps(a[0], 1));
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 pair = _mm_hadd_ps(quarter, quarter);
  return _mm_cvtss_f32(_mm_hadd_ps(pair, pair));
}
inline float f16_max(const V (&a)[1]) { return _mm512_reduce_max_ps(a[0]); }
// round_half_even(clip(a, -127, 127)) + offset as 16 bytes. What is far below the range of integers becomes the least of
// them, what is far above as well, so that the upper limit comes first.
inline void f16_store_int8(int8_t *p, const V (&a)[1], uint8_t offset) {
  const __m512i steps = _mm512_cvtps_epi32(_mm512_min_ps(a[0], _mm512_set1_ps(127.0f)));
  const __m128i clipped = _mm_max_epi8(_mm512_cvtsepi32_epi8(steps), _mm_set1_epi8(-127));
  _mm_storeu_si128(reinterpret_cast<__m128i *>(p),
                   _mm_add_epi8(clipped, _mm_set1_epi8(static_cast<char>(offset))));
}
inline void f16_load_int8(const int8_t *p, V (&a)[1]) {
  a[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))));
}

}  // namespace
}  // namespace slu
