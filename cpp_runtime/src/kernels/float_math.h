// Functions of 16 floats at a time, the same operations in the same order for every instruction set.
// Included after one of the simd_*.h files.
#pragma once

#if defined(SLU_UNROLL)
// Nothing: where size counts, CMakeLists.txt.
#elif defined(__clang__)
#define SLU_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SLU_UNROLL _Pragma("GCC unroll 64")
#endif

namespace slu {

// The products and sums of gelu: factor * something + addend.
inline constexpr float kGeluEnd = 5.3f;
inline constexpr size_t kGeluSteps = 8;
inline constexpr float kGeluFactors[kGeluSteps] = {
    2.0f / (kGeluEnd * kGeluEnd), -0.0004275291576050222f, -0.0020465708803385496f, -0.004829515237361193f,
    -0.013704177923500538f,       -0.025172002613544464f,  -0.039601873606443405f,  -0.066518135368824f};
inline constexpr float kGeluAddends[kGeluSteps] = {-1.0f,
                                                   0.001504620537161827f,
                                                   0.00234570843167603f,
                                                   0.009200596250593662f,
                                                   0.01884622313082218f,
                                                   0.03208555653691292f,
                                                   0.04926415905356407f,
                                                   0.1333925575017929f};

// The same, as kUsesTables wants it: for ARM, where a fused multiply-add destroys its addend. Addends are loaded for each
// of them, two registers at a time, by units that are idle then; a factor takes one lane of a register.
struct GeluTable {
  float factors[kGeluSteps];
  float addends[kGeluSteps + 1][kLanes];
  constexpr GeluTable() : factors(), addends() {
    for (size_t k = 0; k < kGeluSteps; ++k) factors[k] = kGeluFactors[k];
    for (size_t k = 0; k <= kGeluSteps; ++k)
      for (float &addend : addends[k]) addend = k < kGeluSteps ? kGeluAddends[k] : 0.5f;
  }
};
alignas(64) inline constexpr GeluTable kGeluTable;

namespace {

constexpr size_t kParts = kLanes / kWidth;

// 16 floats in as many registers as it takes.
struct F16 {
  V part[kParts];
};

template <class F>
inline F16 for_parts(F f) {
  F16 result;
  SLU_UNROLL for (size_t i = 0; i < kParts; ++i) result.part[i] = f(i);
  return result;
}

inline F16 load(const float *p) {
  return for_parts([=](size_t i) { return v_load(p + i * kWidth); });
}
inline void store(float *p, const F16 &a) {
  SLU_UNROLL for (size_t i = 0; i < kParts; ++i) v_store(p + i * kWidth, a.part[i]);
}
inline F16 from_int(const int32_t *p) {
  return for_parts([=](size_t i) { return v_from_int(p + i * kWidth); });
}
inline F16 from_int8(const int8_t *p) {
  F16 result;
  f16_load_int8(p, result.part);
  return result;
}
inline F16 splat(float a) {
  return for_parts([v = v_splat(a)](size_t) { return v; });
}
inline F16 operator+(const F16 &a, const F16 &b) {
  return for_parts([&](size_t i) { return v_add(a.part[i], b.part[i]); });
}
inline F16 operator-(const F16 &a, const F16 &b) {
  return for_parts([&](size_t i) { return v_sub(a.part[i], b.part[i]); });
}
inline F16 operator*(const F16 &a, const F16 &b) {
  return for_parts([&](size_t i) { return v_mul(a.part[i], b.part[i]); });
}
inline F16 operator/(const F16 &a, const F16 &b) {
  return for_parts([&](size_t i) { return v_div(a.part[i], b.part[i]); });
}
inline F16 fma(const F16 &a, const F16 &b, const F16 &c) {
  return for_parts([&](size_t i) { return v_fma(a.part[i], b.part[i], c.part[i]); });
}
inline F16 clamp(const F16 &a, float low, float high) {
  return for_parts(
      [&, l = v_splat(low), h = v_splat(high)](size_t i) { return v_max(l, v_min(h, a.part[i])); });
}
inline F16 larger(const F16 &a, const F16 &b) {
  return for_parts([&](size_t i) { return v_max(a.part[i], b.part[i]); });
}

// For v_select: `count` lanes of ones, then zeros.
inline const int32_t *lane_mask(size_t count) {
  alignas(64) static constexpr int32_t kMask[2 * kLanes] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                            -1, -1, -1, -1, -1, -1, -1, -1};
  return kMask + kLanes - count;
}
// The first `count` lanes of a, and `other` in the rest.
inline F16 first_lanes(const F16 &a, size_t count, float other) {
  const int32_t *mask = lane_mask(count);
  return for_parts([&, o = v_splat(other)](size_t i) { return v_select(mask + i * kWidth, a.part[i], o); });
}

#ifndef SLU_ROUNDS
// What x, of magnitude below 2^22, is more than the nearest whole number, half to even. In the low bits of *whole that
// number is left, for v_scale.
inline V v_fraction(V x, V *whole) {
  const V round = v_splat(12582912.0f);  // 1.5 * 2^23
  *whole = v_add(x, round);
  return v_sub(x, v_sub(*whole, round));
}
#endif

// 2^x for x <= 127, within 2e-7, relative; 2^-125 for x below -125, so that no result is denormal. Polynomial: minimax on
// half a step either side, found by Lawson's algorithm; computed in pairs as in gelu.
inline V v_power_of_two(V x) {
  V whole;
  const V r = v_fraction(v_max(x, v_splat(-125.0f)), &whole), square = v_mul(r, r);
  const auto pair = [&](float low, float high) { return v_fma(v_splat(high), r, v_splat(low)); };
  V p = v_fma(pair(0.009671508334577084f, 0.0013264709850773215f), square,
              pair(0.24022242426872253f, 0.05550733581185341f));
  p = v_fma(p, square, pair(1.0f, 0.6931470036506653f));
  return v_scale(p, whole);
}
constexpr float kLog2E = 1.44269504f;  // e^x = 2^(kLog2E * x)

// x * Phi(x), the exact (erf) GELU, within 1e-6 for |x| < 8, 1e-5 for |x| < 100: an error moves some rounded
// numbers by a whole step, so it has to be small. Phi(x) - 1/2 = x * P(x^2): P is minimax on [0, 5.3^2],
// in a variable that goes from -1 to 1, without which float coefficients cancel; Phi is 0 and 1 beyond.
inline F16 gelu(const F16 &value) {
  const GeluTable *table = &kGeluTable;
  // Or compilers see that these are constants, keep as many as they can in registers, and copy those.
  if (kUsesTables) asm("" : "+r"(table));
  const auto addend = [&](size_t k) {
    if (!kUsesTables) return splat(k < kGeluSteps ? kGeluAddends[k] : 0.5f);
    return load(table->addends[k]);
  };
  // k-th factor * a + k-th addend
  const auto step = [&](size_t k, const F16 &a) {
    if (!kUsesTables) return fma(splat(kGeluFactors[k]), a, addend(k));
    const V factors = v_load(table->factors + k / kWidth * kWidth);
    const F16 sum = addend(k);
    return for_parts(
        [&](size_t i) { return v_fma(v_splat(v_lane(factors, k % kWidth)), a.part[i], sum.part[i]); });
  };
  const F16 x = clamp(value, -kGeluEnd, kGeluEnd), u = step(0, x * x), square = u * u;
  // Pairs of terms, then Horner in u^2.
  F16 p = fma(step(1, u), square, step(2, u));
  p = fma(p, square, step(3, u));
  p = fma(p, square, step(4, u));
  p = fma(p, square, step(5, u));
  p = fma(p, square, step(6, u));
  p = fma(p, square, step(7, u));
  return value * fma(x, p, addend(kGeluSteps));
}

// Within 3e-7.
inline F16 hyperbolic_tangent(const F16 &x) {
  const F16 power = clamp(x, -10.0f, 10.0f) * splat(2 * kLog2E);
  const F16 e = for_parts([&](size_t i) { return v_power_of_two(power.part[i]); });
  return (e - splat(1.0f)) / (e + splat(1.0f));
}

// x * inverse, rounded half to even and clipped to -127..127, plus offset, as 16 bytes.
inline void store_int8(int8_t *p, const F16 &x, const F16 &inverse, uint8_t offset) {
  f16_store_int8(p, (x * inverse).part, offset);
}

}  // namespace
}  // namespace slu
