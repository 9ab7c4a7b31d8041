// Vectors of 4 floats of WebAssembly. With relaxed SIMD there is a fused multiply-add; without it products are rounded
// before they are added, so that the last bits of a score may differ from other processors'.
#pragma once

#include <wasm_simd128.h>

#include "transpose.h"

namespace slu {
namespace {

constexpr size_t kWidth = 4;
constexpr size_t kRegisters = 32;
constexpr bool kSplatsLanes = false;  // whether v_splat(v_lane(a, i)) is cheaper than a load
constexpr bool kUsesTables = false;   // whether to load a constant each time, and not to copy it
using V = v128_t;

inline V v_load(const float *p) { return wasm_v128_load(p); }
inline void v_store(float *p, V a) { wasm_v128_store(p, a); }
inline V v_splat(float a) { return wasm_f32x4_splat(a); }
inline void v_store_transposed(float *to, const float *const (&rows)[4]) {
  store_transposed<kWidth>(to, rows);
}
inline float v_lane(V a, size_t i) {
  float lanes[kWidth];
  v_store(lanes, a);
  return lanes[i];
}
inline V v_add(V a, V b) { return wasm_f32x4_add(a, b); }
inline V v_sub(V a, V b) { return wasm_f32x4_sub(a, b); }
inline V v_mul(V a, V b) { return wasm_f32x4_mul(a, b); }
inline V v_div(V a, V b) { return wasm_f32x4_div(a, b); }
inline V v_min(V a, V b) { return wasm_f32x4_pmin(b, a); }  // a < b ? a : b: one instruction on x86
inline V v_max(V a, V b) { return wasm_f32x4_pmax(b, a); }
inline V v_fma(V a, V b, V c) {
#if defined(__wasm_relaxed_simd__)
  return wasm_f32x4_relaxed_madd(a, b, c);
#else
  return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
#endif
}
inline V v_from_int(const int32_t *p) { return wasm_f32x4_convert_i32x4(wasm_v128_load(p)); }
// p * 2^n, where n are the low bits of t.
inline V v_scale(V p, V t) { return wasm_i32x4_add(p, wasm_i32x4_shl(t, 23)); }
inline V v_select(const int32_t *mask, V a, V b) { return wasm_v128_bitselect(a, b, wasm_v128_load(mask)); }

inline float f16_sum(const V (&a)[4]) {
  const V quarter = wasm_f32x4_add(wasm_f32x4_add(a[0], a[2]), wasm_f32x4_add(a[1], a[3]));
  const V pair = wasm_f32x4_add(quarter, wasm_i32x4_shuffle(quarter, quarter, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(wasm_f32x4_add(pair, wasm_i32x4_shuffle(pair, pair, 2, 3, 0, 1)), 0);
}
inline float f16_max(const V (&a)[4]) {
  const V most = v_max(v_max(a[0], a[1]), v_max(a[2], a[3]));
  const V pair = v_max(most, wasm_i32x4_shuffle(most, most, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(v_max(pair, wasm_i32x4_shuffle(pair, pair, 1, 0, 3, 2)), 0);
}
// round_half_even(clip(a, -127, 127)) + offset as 16 bytes. Clipping first is the same, as the limits are whole numbers.
// The addition rounds; converting to integers would take seven instructions on x86.
inline void f16_store_int8(int8_t *p, const V (&a)[4], uint8_t offset) {
  constexpr float kRoundUp = 12582912.0f;  // 1.5 * 2^23: leaves a rounded integer in the low bits
  const V least = v_splat(-127.0f), most = v_splat(127.0f), round = v_splat(kRoundUp);
  const V excess = wasm_i32x4_splat(0x4b400000);  // the bits of kRoundUp
  const auto integers = [&](size_t i) {
    return wasm_i32x4_sub(v_add(v_max(least, v_min(most, a[i])), round), excess);
  };
  const V bytes = wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(integers(0), integers(1)),
                                          wasm_i16x8_narrow_i32x4(integers(2), integers(3)));
  wasm_v128_store(p, wasm_i8x16_add(bytes, wasm_u8x16_splat(offset)));
}
inline void f16_load_int8(const int8_t *p, V (&a)[4]) {
  const V low = wasm_i16x8_load8x8(p), high = wasm_i16x8_load8x8(p + 8);
  a[0] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(low));
  a[1] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(low));
  a[2] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(high));
  a[3] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(high));
}

}  // namespace
}  // namespace slu
