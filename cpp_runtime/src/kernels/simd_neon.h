// Vectors of 4 floats, on every ARM64.
#pragma once

#include <arm_neon.h>

#include "../base.h"

namespace slu {
namespace {

constexpr size_t kWidth = 4;
#ifdef __aarch64__
constexpr size_t kRegisters = 32;
#else
constexpr size_t kRegisters = 16;
#endif
constexpr bool kSplatsLanes = true;  // whether v_splat(v_lane(a, i)) is cheaper than a load
constexpr bool kUsesTables = true;   // whether to load a constant each time, and not to copy it
using V = float32x4_t;

inline V v_load(const float *p) { return vld1q_f32(p); }
inline void v_store(float *p, V a) { vst1q_f32(p, a); }
inline V v_splat(float a) { return vdupq_n_f32(a); }
// to[i][j] = rows[j][i], 4 by 4.
inline void v_store_transposed(float *to, const float *const (&rows)[4]) {
  const float32x4x4_t words = {
      {vld1q_f32(rows[0]), vld1q_f32(rows[1]), vld1q_f32(rows[2]), vld1q_f32(rows[3])}};
  vst4q_f32(to, words);
}
inline float v_lane(V a, size_t i) { return a[i]; }
inline V v_add(V a, V b) { return vaddq_f32(a, b); }
inline V v_sub(V a, V b) { return vsubq_f32(a, b); }
inline V v_mul(V a, V b) { return vmulq_f32(a, b); }
inline V v_div(V a, V b) { return vdivq_f32(a, b); }
inline V v_min(V a, V b) { return vminq_f32(a, b); }
inline V v_max(V a, V b) { return vmaxq_f32(a, b); }
inline V v_fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
inline V v_from_int(const int32_t *p) { return vcvtq_f32_s32(vld1q_s32(p)); }
// p * 2^n, where n are the low bits of t.
inline V v_scale(V p, V t) {
  return vreinterpretq_f32_s32(
      vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(vreinterpretq_s32_f32(t), 23)));
}
inline V v_select(const int32_t *mask, V a, V b) {
  return vbslq_f32(vreinterpretq_u32_s32(vld1q_s32(mask)), a, b);
}

inline float f16_sum(const V (&a)[4]) {
  // vaddvq adds lanes as (0 + 1) + (2 + 3).
  return vaddvq_f32(vaddq_f32(vaddq_f32(a[0], a[2]), vaddq_f32(a[1], a[3])));
}
inline float f16_max(const V (&a)[4]) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a[0], a[1]), vmaxq_f32(a[2], a[3])));
}
// round_half_even(clip(a, -127, 127)) + offset as 16 bytes. Every step saturates.
inline void f16_store_int8(int8_t *p, const V (&a)[4], uint8_t offset) {
  const auto words = [&](int i) {
    return vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(a[i])), vcvtnq_s32_f32(a[i + 1]));
  };
  const int8x16_t bytes = vmaxq_s8(vqmovn_high_s16(vqmovn_s16(words(0)), words(2)), vdupq_n_s8(-127));
  vst1q_s8(p, offset ? vaddq_s8(bytes, vdupq_n_s8(static_cast<int8_t>(offset))) : bytes);
}
inline void f16_load_int8(const int8_t *p, V (&a)[4]) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
  a[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
  a[1] = vcvtq_f32_s32(vmovl_high_s16(low));
  a[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
  a[3] = vcvtq_f32_s32(vmovl_high_s16(high));
}

}  // namespace
}  // namespace slu
