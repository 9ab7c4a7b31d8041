// ARM of 32 bits: int8 products by NEON, floats in plain C++, as NEON takes denormal floats for zero there.
#pragma once

#include <arm_neon.h>

#include "simd_plain.h"

namespace slu {
namespace {

// What only ARM64 has instructions for.
inline int16x8_t vmull_high_s8(int8x16_t a, int8x16_t b) {
  return vmull_s8(vget_high_s8(a), vget_high_s8(b));
}
inline int16x8_t vmlal_high_s8(int16x8_t sum, int8x16_t a, int8x16_t b) {
  return vmlal_s8(sum, vget_high_s8(a), vget_high_s8(b));
}
inline int32x4_t vpaddq_s32(int32x4_t a, int32x4_t b) {
  return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                      vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}

}  // namespace
}  // namespace slu
