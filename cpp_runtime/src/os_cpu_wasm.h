// What relaxed SIMD does on this processor, found out by trying.
#pragma once

#include "os.h"

#if defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>
#endif

namespace slu {
namespace {

inline Cpu cpu_wasm() {
  Cpu cpu;
#if defined(__wasm_relaxed_simd__)
  // -128 as the first operand, 0xff as the second: 2 products of either sign fit into 16 bits when both are signed;
  // when the second one is unsigned, their sum is exact only where it is not kept in 16 bits in between.
  volatile int8_t least = -128, ones = -1;
  const v128_t sums = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_i8x16_splat(least), wasm_i8x16_splat(ones),
                                                             wasm_i32x4_const_splat(0));
  const int32_t sum = wasm_i32x4_extract_lane(sums, 0);
  cpu.relaxed_signed = sum == 4 * 128;
  cpu.relaxed_unsigned = sum == -4 * 128 * 255;
#endif
  return cpu;
}

}  // namespace
}  // namespace slu
