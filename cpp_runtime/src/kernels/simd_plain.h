// The same operations in plain C++: the definition that the others are tested against.
#pragma once

#include "transpose.h"

namespace slu {
namespace {

constexpr size_t kWidth = 4;
constexpr size_t kRegisters = 32;
constexpr bool kSplatsLanes = true;  // whether v_splat(v_lane(a, i)) is cheaper than a load
constexpr bool kUsesTables = false;  // whether to load a constant each time, and not to copy it
struct V {
  float lane[kWidth];
};

inline uint32_t bits_of(float a) {
  uint32_t bits;
  copy_bytes(&bits, &a, sizeof bits);
  return bits;
}
inline float float_of(uint32_t bits) {
  float a;
  copy_bytes(&a, &bits, sizeof a);
  return a;
}

// a * b + c with one rounding. Where there is no instruction for it: the product of two floats is exact in double;
// the sum is rounded to odd (Boldo and Melquiond, 2008) so that rounding to float afterwards is right.
#if defined(__FMA__) || defined(__aarch64__) || defined(__ARM_FEATURE_FMA)
inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
inline __attribute__((noinline)) float fused(float a, float b, float c) {  // size counts here, not time
  const double product = static_cast<double>(a) * static_cast<double>(b), addend = c;
  const double sum = product + addend, part = sum - product;
  const double error = (product - (sum - part)) + (addend - part);
  if (!(error < 0 || error > 0)) return static_cast<float>(sum);  // exact, or not finite
  uint64_t bits;
  copy_bytes(&bits, &sum, sizeof bits);
  if (!(bits & 1)) bits = (error > 0) == (sum > 0) ? bits + 1 : bits - 1;
  double odd;
  copy_bytes(&odd, &bits, sizeof odd);
  return static_cast<float>(odd);
}
#endif

template <class F>
inline V each(F f) {
  V result;
  for (size_t i = 0; i < kWidth; ++i) result.lane[i] = f(i);
  return result;
}

inline V v_load(const float *p) {
  return each([=](size_t i) { return p[i]; });
}
inline void v_store(float *p, V a) {
  for (size_t i = 0; i < kWidth; ++i) p[i] = a.lane[i];
}
inline V v_splat(float a) {
  return each([=](size_t) { return a; });
}
inline void v_store_transposed(float *to, const float *const (&rows)[4]) {
  store_transposed<kWidth>(to, rows);
}
inline float v_lane(V a, size_t i) { return a.lane[i]; }
inline V v_add(V a, V b) {
  return each([&](size_t i) { return a.lane[i] + b.lane[i]; });
}
inline V v_sub(V a, V b) {
  return each([&](size_t i) { return a.lane[i] - b.lane[i]; });
}
inline V v_mul(V a, V b) {
  return each([&](size_t i) { return a.lane[i] * b.lane[i]; });
}
inline V v_div(V a, V b) {
  return each([&](size_t i) { return a.lane[i] / b.lane[i]; });
}
inline V v_min(V a, V b) {
  return each([&](size_t i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline V v_max(V a, V b) {
  return each([&](size_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline V v_fma(V a, V b, V c) {
  return each([&](size_t i) { return fused(a.lane[i], b.lane[i], c.lane[i]); });
}
inline V v_from_int(const int32_t *p) {
  return each([=](size_t i) { return static_cast<float>(p[i]); });
}
// p * 2^n, where n are the low bits of t.
inline V v_scale(V p, V t) {
  return each([&](size_t i) { return float_of(bits_of(p.lane[i]) + (bits_of(t.lane[i]) << 23)); });
}
inline V v_select(const int32_t *mask, V a, V b) {
  return each([&](size_t i) { return mask[i] ? a.lane[i] : b.lane[i]; });
}

inline float f16_sum(const V (&a)[4]) {
  const V sum = v_add(v_add(a[0], a[2]), v_add(a[1], a[3]));
  return (sum.lane[0] + sum.lane[1]) + (sum.lane[2] + sum.lane[3]);
}
inline float f16_max(const V (&a)[4]) {
  const V most = v_max(v_max(a[0], a[1]), v_max(a[2], a[3]));
  float result = most.lane[0];
  for (float lane : most.lane) result = lane > result ? lane : result;
  return result;
}
// round_half_even(clip(a, -127, 127)) + offset as 16 bytes. Clipping first is the same, as the limits are whole numbers.
inline void f16_store_int8(int8_t *p, const V (&a)[4], uint8_t offset) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: leaves a rounded integer in the low bits
  const V least = v_splat(-127.0f), most = v_splat(127.0f);
  for (size_t i = 0; i < kLanes; ++i) {
    const V steps = v_max(least, v_min(most, a[i / kWidth]));
    p[i] = static_cast<int8_t>((bits_of(steps.lane[i % kWidth] + kRound) + offset) & 255);
  }
}
inline void f16_load_int8(const int8_t *p, V (&a)[4]) {
  for (size_t i = 0; i < kLanes; ++i) a[i / kWidth].lane[i % kWidth] = p[i];
}

}  // namespace
}  // namespace slu
