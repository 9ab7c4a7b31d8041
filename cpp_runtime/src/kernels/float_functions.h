// The network's functions on floats. Included last by each floats_*.cpp.
#pragma once

#include "attention.h"
#include "kernels.h"

namespace slu {
namespace {

// kRows rows of y and kPanels panels of 16 outputs, from `panel` on.
template <size_t kRows, size_t kPanels>
inline void float_tile(const Linear &linear, size_t panel, const float *x, size_t stride, float *y,
                       size_t y_stride) {
  const size_t panel_size = size_t{linear.in} * kLanes;
  const float *weight = linear.weight_float + panel * panel_size;
  F16 sums[kPanels][kRows];
  for (auto &sums_of_panel : sums)
    for (auto &sum : sums_of_panel) sum = splat(0.0f);
  size_t k = 0;
  if constexpr (kSplatsLanes) {
    for (; k + 4 <= linear.in; k += 4) {  // see score_tile
      V inputs[kRows];
      SLU_UNROLL for (size_t m = 0; m < kRows; ++m) inputs[m] = v_load(x + m * stride + k);
      SLU_UNROLL for (size_t i = 0; i < 4; ++i) SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) {
        const F16 w = load(weight + p * panel_size + (k + i) * kLanes);
        SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[p][m] =
            fma(splat(v_lane(inputs[m], i)), w, sums[p][m]);
      }
    }
  }
  for (; k < linear.in; ++k) {
    SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) {
      const F16 w = load(weight + p * panel_size + k * kLanes);
      SLU_UNROLL for (size_t m = 0; m < kRows; ++m) sums[p][m] = fma(splat(x[m * stride + k]), w, sums[p][m]);
    }
  }
  SLU_UNROLL for (size_t p = 0; p < kPanels; ++p) {
    const size_t output = (panel + p) * kLanes;
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m)
        store(y + m * y_stride + output, sums[p][m] + load(linear.bias + output));
  }
}

template <size_t kRows, size_t kPanels>
inline void float_rows(const Linear &linear, const float *x, size_t stride, float *y, size_t y_stride) {
  const size_t panels = linear.out_padded / kLanes;
  size_t panel = 0;
  for (; panel + kPanels <= panels; panel += kPanels)
    float_tile<kRows, kPanels>(linear, panel, x, stride, y, y_stride);
  for (; panel < panels; ++panel) float_tile<kRows, 1>(linear, panel, x, stride, y, y_stride);
}

#ifdef SLU_SMALL
constexpr size_t kLinearRows = 1, kPanelsOfRows = 1, kPanelsOfRow = 1;
#else
// Sums enough to hide the latency of a fused multiply-add, and no more than there are registers.
constexpr size_t kLinearRows = 4, kPanelsOfRows = kWidth == 16 ? 2 : 1, kPanelsOfRow = kWidth == 16 ? 8 : 4;
#endif

void float_linear(const Linear &linear, const Input &x, float *y, size_t y_stride) {
  const auto *from = static_cast<const float *>(x.data);
  size_t row = 0;
  for (; row + kLinearRows <= x.rows; row += kLinearRows)
    float_rows<kLinearRows, kPanelsOfRows>(linear, from + row * x.stride, x.stride, y + row * y_stride,
                                           y_stride);
  for (; row < x.rows; ++row)
    float_rows<1, kPanelsOfRow>(linear, from + row * x.stride, x.stride, y + row * y_stride, y_stride);
}

void float_gelu(float *x, size_t count) {
  for (size_t i = 0; i < count; i += kLanes) store(x + i, gelu(load(x + i)));
}

void float_tanh(float *x, size_t count) {
  for (size_t i = 0; i < count; i += kLanes) store(x + i, hyperbolic_tangent(load(x + i)));
}

void float_quantise(const float *x, size_t stride, size_t rows, size_t columns, float inverse, uint8_t offset,
                    int8_t *y, size_t y_stride) {
  const F16 factor = splat(inverse);
  for (size_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < columns; i += kLanes)
      store_int8(y + row * y_stride + i, load(x + row * stride + i), factor, offset);
}

// The `count` values at `from`, which may be the last ones of the file, and zeros.
SLU_OUT_OF_LINE F16 last_values(const float *from, size_t count) {
  float values[kLanes] = {};
  copy_bytes(values, from, count * sizeof(float));
  return load(values);
}
SLU_OUT_OF_LINE F16 last_values(const int8_t *from, size_t count) {
  int8_t values[kLanes] = {};
  copy_bytes(values, from, count);
  return from_int8(values);
}

// 16 values of a row of a table from column `i` on; zeros past its end.
inline F16 table_values(const Table &table, size_t row, size_t i, size_t columns) {
  const size_t count = columns - i < kLanes ? columns - i : kLanes, at = row * columns + i;
  if (table.values) {
    if (count == kLanes) return load(table.values + at);
    return last_values(table.values + at, count);
  }
  const F16 scale = splat(table.scale[row]);
  if (count == kLanes) return from_int8(table.quantised + at) * scale;
  return last_values(table.quantised + at, count) * scale;
}

// Rows normalised together, where sums wait for each other and registers are many.
constexpr size_t kNormRows = kWidth == 16 ? 4 : 1;

// x holds 16-lane padded rows; `sums` are those of the rows.
template <size_t kRows>
inline void normalise_rows(float *x, const F16 (&sums)[kRows], uint32_t hidden, const Norm &norm,
                           float epsilon) {
  const size_t stride = round_up(hidden, kLanes);
  F16 means[kRows], squares[kRows], factors[kRows];
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
    means[m] = splat(f16_sum(sums[m].part) / static_cast<float>(hidden));
    squares[m] = splat(0.0f);
  }
  size_t i = 0;
  for (; i + kLanes <= hidden; i += kLanes) {
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const F16 d = load(x + m * stride + i) - means[m];
      squares[m] = fma(d, d, squares[m]);
    }
  }
  SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
    if (i < hidden) {
      const F16 d = first_lanes(load(x + m * stride + i) - means[m], hidden - i, 0.0f);
      squares[m] = fma(d, d, squares[m]);
    }
    const float variance = f16_sum(squares[m].part) / static_cast<float>(hidden);
    factors[m] = splat(1.0f / __builtin_sqrtf(variance + epsilon));
  }
  // Weights and biases are padded with zeros, and so is the result.
  for (i = 0; i < hidden; i += kLanes) {
    const F16 weight = load(norm.weight + i), bias = load(norm.bias + i);
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      float *row = x + m * stride + i;
      store(row, fma((load(row) - means[m]) * factors[m], weight, bias));
    }
  }
}

template <size_t kRows>
inline void add_norm_rows(float *x, const float *y, uint32_t hidden, const Norm &norm, float epsilon) {
  const size_t stride = round_up(hidden, kLanes);
  F16 sums[kRows];
  for (F16 &sum : sums) sum = splat(0.0f);
  for (size_t i = 0; i < hidden; i += kLanes) {
    SLU_UNROLL for (size_t m = 0; m < kRows; ++m) {
      const F16 value = load(x + m * stride + i) + load(y + m * stride + i);
      store(x + m * stride + i, value);
      sums[m] = sums[m] + value;
    }
  }
  normalise_rows(x, sums, hidden, norm, epsilon);
}

// Adds the rows of the set bits of flags[words] to x, the lowest first; returns the new sums of x, as below.
inline F16 add_flags(const Table &table, const uint64_t *flags, size_t words, uint32_t hidden, float *x,
                     F16 sums) {
  bool added = false;
  for (size_t word = 0; word < words; ++word)
    for (uint64_t left = flags[word]; left; left &= left - 1, added = true) {
      const size_t row = word * 64 + static_cast<size_t>(__builtin_ctzll(left));
      for (size_t i = 0; i < hidden; i += kLanes)
        store(x + i, load(x + i) + table_values(table, row, i, hidden));
    }
  if (!added) return sums;
  sums = splat(0.0f);
  for (size_t i = 0; i < hidden; i += kLanes) sums = sums + load(x + i);
  return sums;
}

void float_embed(const slu_model &model, const int32_t *ids, const uint64_t *flags, const float *ngrams,
                 size_t count, float *x) {
  const uint32_t hidden = model.info.hidden_size;
  for (size_t t = 0; t < count; ++t, x += model.hidden_padded) {
    F16 sums[] = {splat(0.0f)};
    for (size_t i = 0; i < hidden; i += kLanes) {
      const F16 value = table_values(model.tokens, static_cast<size_t>(ids[t]), i, hidden) +
                        table_values(model.positions, t, i, hidden) + load(model.constant + i);
      store(x + i, value);
      sums[0] = sums[0] + value;
    }
    if (flags) {
      sums[0] = add_flags(model.flags, flags, model.flag_words, hidden, x, sums[0]);
      flags += model.flag_words;
    }
    if (ngrams) {
      sums[0] = splat(0.0f);
      for (size_t i = 0; i < hidden; i += kLanes) {
        const F16 value = load(x + i) + load(ngrams + i);
        store(x + i, value);
        sums[0] = sums[0] + value;
      }
      ngrams += model.hidden_padded;
    }
    normalise_rows(x, sums, hidden, model.embedding_norm, model.epsilon);
  }
}

void float_add_norm(float *x, const float *y, size_t rows, uint32_t hidden, const Norm &norm, float epsilon) {
  const size_t stride = round_up(hidden, kLanes);
  size_t row = 0;
  for (; row + kNormRows <= rows; row += kNormRows)
    add_norm_rows<kNormRows>(x + row * stride, y + row * stride, hidden, norm, epsilon);
  for (; row < rows; ++row) add_norm_rows<1>(x + row * stride, y + row * stride, hidden, norm, epsilon);
}

}  // namespace
}  // namespace slu

#define SLU_FLOATS(constant)                                                                    \
  namespace slu {                                                                               \
  const FloatKernels constant = {float_linear, float_gelu,     float_tanh,      float_quantise, \
                                 float_embed,  float_add_norm, float_attention, float_mix};     \
  }
