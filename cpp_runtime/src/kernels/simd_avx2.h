// Vectors of 8 floats, with fused multiply-add.
#pragma once

#include <immintrin.h>

#include "transpose.h"

namespace slu {
namespace {

constexpr size_t kWidth = 8;
constexpr size_t kRegisters = 16;
constexpr bool kSplatsLanes = false;  // whether v_splat(v_lane(a, i)) is cheaper than a load
constexpr bool kUsesTables = false;   // whether to load a constant each time, and not to copy it
using V = __m256;

inline V v_load(const float *p) { return _mm256_loadu_ps(p); }
inline void v_store(float *p, V a) { _mm256_storeu_ps(p, a); }
inline V v_splat(float a) { return _mm256_set1_ps(a); }
inline void v_store_transposed(float *to, const float *const (&rows)[4]) {
  store_transposed<kWidth>(to, rows);
}
inline float v_lane(V a, size_t i) { return a[i]; }
inline V v_add(V a, V b) { return _mm256_add_ps(a, b); }
inline V v_sub(V a, V b) { return _mm256_sub_ps(a, b); }
inline V v_mul(V a, V b) { return _mm256_mul_ps(a, b); }
inline V v_div(V a, V b) { return _mm256_div_ps(a, b); }
inline V v_min(V a, V b) { return _mm256_min_ps(a, b); }
inline V v_max(V a, V b) { return _mm256_max_ps(a, b); }
inline V v_fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
inline __m256i load_integers(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
inline V v_from_int(const int32_t *p) { return _mm256_cvtepi32_ps(load_integers(p)); }
// p * 2^n, where n are the low bits of t.
inline V v_scale(V p, V t) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
}
inline V v_select(const int32_t *mask, V a, V b) {
  return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(load_integers(mask)));
}

inline float f16_sum(const V (&a)[2]) {
  const __m256 half = _mm256_add_ps(a[0], a[1]);
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 pair = _mm_hadd_ps(quarter, quarter);
  return _mm_cvtss_f32(_mm_hadd_ps(pair, pair));
}
inline float f16_max(const V (&a)[2]) {
  const __m256 half = _mm256_max_ps(a[0], a[1]);
  const __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 pair = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_max_ss(pair, _mm_shuffle_ps(pair, pair, 1)));
}
// round_half_even(clip(a, -127, 127)) + offset as 16 bytes. What is far below the range of integers becomes the least of
// them, what is far above as well, so that the upper limit comes first.
inline void f16_store_int8(int8_t *p, const V (&a)[2], uint8_t offset) {
  const V most = _mm256_set1_ps(127.0f);
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_min_ps(a[0], most)),
                                           _mm256_cvtps_epi32(_mm256_min_ps(a[1], most)));
  const __m256i bytes = _mm256_packs_epi16(words, words);  // halves: a0-3 b0-3, a4-7 b4-7
  const __m128i ordered =
      _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  const __m128i clipped = _mm_max_epi8(ordered, _mm_set1_epi8(-127));
  _mm_storeu_si128(reinterpret_cast<__m128i *>(p),
                   _mm_add_epi8(clipped, _mm_set1_epi8(static_cast<char>(offset))));
}
inline void f16_load_int8(const int8_t *p, V (&a)[2]) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  a[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  a[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
}

}  // namespace
}  // namespace slu
