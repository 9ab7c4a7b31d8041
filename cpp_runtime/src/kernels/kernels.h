// The arithmetic of the network as a table of functions, one table an instruction set. All tables compute the same
// floats, bit for bit: every sum has one fixed order (16 lanes, then a fixed tree), and products are fused alike.
#pragma once

#include "../model.h"

// What is long and called from several places, or seldom. The library for x86-64 has it once for each of its kernels;
// elsewhere a call would cost more than it saves.
#if defined(__x86_64__) && defined(__clang__)
#define SLU_OUT_OF_LINE __attribute__((noinline))
#elif defined(__x86_64__)
#define SLU_OUT_OF_LINE __attribute__((noinline, noclone))
#else
#define SLU_OUT_OF_LINE __attribute__((always_inline)) inline
#endif
// What is long and called from two places, on every processor: calls are few.
#define SLU_SHARED __attribute__((noinline))

namespace slu {

constexpr size_t kScoreRows = 16;  // queries whose scores integer_attention computes at once

// Working memory and sizes of the attention of one layer.
struct Attention {
  uint32_t heads, head_size, tokens;
  uint32_t queries;  // the first so many tokens, of which the attention is wanted
  const float *
      qkv;  // [tokens][qkv_stride]: queries, keys and values of all heads; readable for 64 bytes past the end
  size_t qkv_stride;
  float *output;  // [queries][output_stride]: heads * head_size values, then 16 more that stay; may be `qkv`
  size_t output_stride;
  float *keys;    // [head_size][round_up(tokens, 16)], scratch
  float *scores;  // [4, for `mix` kScoreRows][round_up(tokens, 16)], scratch
};

// Rows (tokens) of a linear layer's input: int8, with offset, for a quantised layer, else float. Readable up to
// in_padded.
struct Input {
  const void *data;
  size_t stride;  // elements from row to row
  size_t rows;
  int8_t *scratch;  // round_up(rows, 8) * in_padded bytes, for kernels that rearrange int8 inputs
};

// Functions on floats.
struct FloatKernels {
  // y[rows][y_stride] = x * W + b, float weights. y is written up to out_padded.
  void (*linear)(const Linear &linear, const Input &x, float *y, size_t y_stride);
  void (*gelu)(float *x, size_t count);  // count is rounded up to 16
  void (*tanh)(float *x, size_t count);
  // int8 = round_half_even(clip(x * inverse, -127, 127)) + offset; `columns` is rounded up to 16.
  void (*quantise)(const float *x, size_t stride, size_t rows, size_t columns, float inverse, uint8_t offset,
                   int8_t *y, size_t y_stride);
  // x[token] = word + position + constant + the rows of its flags in ascending order + its n-grams, then layer norm.
  // x: [count][hidden_padded], padding is 0. `flags`: bits [count][flag_words], or null for none. `ngrams`: as x, or
  // null for none.
  void (*embed)(const slu_model &model, const int32_t *ids, const uint64_t *flags, const float *ngrams,
                size_t count, float *x);
  // x = layer_norm(x + y); both [rows][hidden_padded], padding is 0.
  void (*add_norm)(float *x, const float *y, size_t rows, uint32_t hidden, const Norm &norm, float epsilon);
  void (*attention)(const Attention &attention);
  // Its second half for one head and `rows` queries from `row` on, at most kScoreRows: softmax of scale * scores, of which
  // `scores` holds int32 here, and the sum of the values with these weights.
  void (*mix)(const Attention &attention, size_t row, size_t rows, size_t head, float scale);
};

struct Kernels {
  const char *name;
  // Added to int8 inputs: 128 where the instruction wants one operand unsigned, else 0.
  uint8_t input_offset;
  const FloatKernels *floats;

  // acc[rows][out_padded] = x[rows][in_padded] * W, exact: what the functions below begin with.
  void (*products)(const Linear &linear, const Input &x, int32_t *acc);
  // y[rows][y_stride] = x * W + b, int8 weights. y is written up to out_padded.
  void (*linear)(const Linear &linear, const Input &x, float *y, size_t y_stride);
  // The same, then GELU, then int8 of step 1 / inverse (with offset).
  void (*linear_gelu_quantise)(const Linear &linear, const Input &x, float inverse, int8_t *y,
                               size_t y_stride);
};

// Tables of the instruction sets that this build has.
#if defined(__x86_64__)
extern const FloatKernels kAvx512Floats, kAvx2Floats;
extern const Kernels kAvx512VnniKernels, kAvxVnniKernels,
    kAvx2Kernels;  // the first two not with SLU_NO_WIDE_KERNELS
#elif defined(__aarch64__)
extern const FloatKernels kNeonFloats;
extern const Kernels kSmmlaKernels, kSdotKernels, kNeonKernels;
#elif defined(__arm__)
extern const FloatKernels kVfpFloats;
extern const Kernels kNeonKernels;  // only with SLU_ARM32_NEON
#elif defined(__wasm_relaxed_simd__)
extern const FloatKernels kWasmFloats;
extern const Kernels kRelaxedSignedKernels, kRelaxedUnsignedKernels, kRelaxedKernels;
#elif defined(__wasm_simd128__)
extern const FloatKernels kWasmFloats;
extern const Kernels kSimd128Kernels;
#endif
extern const FloatKernels kPlainFloats;
extern const Kernels kPlainKernels;

// Fastest first; null when `index` is past the last one that this processor can run.
const Kernels *kernels_at(uint32_t index);
// By name; null when there is none, or the processor cannot run it.
const Kernels *kernels_named(View name);

}  // namespace slu
