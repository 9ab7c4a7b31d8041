// The dot product of relaxed SIMD as processors have it with both operands signed, and with the second one unsigned.
#pragma once

#include <stdint.h>
#include <wasm_simd128.h>

template <class Second>
v128_t emulated_dot(v128_t a, v128_t b, v128_t sums) {
  int8_t first[16];
  Second second[16];
  int32_t results[4];
  wasm_v128_store(first, a);
  wasm_v128_store(second, b);
  wasm_v128_store(results, sums);
  for (int i = 0; i < 16; ++i) results[i / 4] += first[i] * second[i];
  return wasm_v128_load(results);
}
