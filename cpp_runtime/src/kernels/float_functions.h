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
  for (size_t k = 0; k < linear.in; ++k) {
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

void float_linear(const Linear &linear, const Input &x, float *y, size_t y_stride) {
  const auto *from = static_cast<const float *>(x.data);
  size_t row = 0;
  // Sums enough to hide the latency of a fused multiply-add, and no more than there are registers.
  for (; row + 4 <= x.rows; row += 4)
    float_rows<4, kWidth == 16 ? 2 : 1>(linear, from + row * x.stride, x.stride, y + row * y_stride,
                                        y_stride);
  for (; row < x.rows; ++row)
    float_rows<1, kWidth == 16 ? 8 : 4>(linear, from + row * x.stride, x.stride, y + row * y_stride,
                                        y_stride);
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

// 16 values of a row of a table from column `i` on; zeros past its end, which may be that of the file.
inline F16 table_values(const Table &table, size_t row, size_t i, size_t columns) {
  const size_t count = columns - i < kLanes ? columns - i : kLanes, at = row * columns + i;
  if (table.values) {
    if (count == kLanes) return load(table.values + at);
    float values[kLanes] = {};
    copy_bytes(values, table.values + at, count * sizeof(float));
    return load(values);
  }
  const F16 scale = splat(table.scale[row]);
  if (count == kLanes) return from_int8(table.quantised + at) * scale;
  int8_t values[kLanes] = {};
  copy_bytes(values, table.quantised + at, count);
  return from_int8(values) * scale;
}

// x holds 16-lane padded rows; `sum` is that of the row.
inline void normalise_row(float *x, F16 sums, uint32_t hidden, const Norm &norm, float epsilon) {
  const float mean = f16_sum(sums.part) / static_cast<float>(hidden);
  const F16 means = splat(mean);
  F16 squares = splat(0.0f);
  size_t i = 0;
  for (; i + kLanes <= hidden; i += kLanes) {
    const F16 d = load(x + i) - means;
    squares = fma(d, d, squares);
  }
  if (i < hidden) {
    const F16 d = first_lanes(load(x + i) - means, hidden - i, 0.0f);
    squares = fma(d, d, squares);
  }
  const float variance = f16_sum(squares.part) / static_cast<float>(hidden);
  const F16 factor = splat(1.0f / __builtin_sqrtf(variance + epsilon));
  // Weights and biases are padded with zeros, and so is the result.
  for (i = 0; i < hidden; i += kLanes)
    store(x + i, fma((load(x + i) - means) * factor, load(norm.weight + i), load(norm.bias + i)));
}

void float_embed(const slu_model &model, const int32_t *ids, size_t count, float *x) {
  const uint32_t hidden = model.info.hidden_size;
  for (size_t t = 0; t < count; ++t, x += model.hidden_padded) {
    F16 sums = splat(0.0f);
    for (size_t i = 0; i < hidden; i += kLanes) {
      const F16 value = table_values(model.tokens, static_cast<size_t>(ids[t]), i, hidden) +
                        table_values(model.positions, t, i, hidden) + load(model.constant + i);
      store(x + i, value);
      sums = sums + value;
    }
    normalise_row(x, sums, hidden, model.embedding_norm, model.epsilon);
  }
}

void float_add_norm(float *x, const float *y, size_t rows, uint32_t hidden, const Norm &norm, float epsilon) {
  const size_t stride = round_up(hidden, kLanes);
  for (size_t row = 0; row < rows; ++row, x += stride, y += stride) {
    F16 sums = splat(0.0f);
    for (size_t i = 0; i < hidden; i += kLanes) {
      const F16 value = load(x + i) + load(y + i);
      store(x + i, value);
      sums = sums + value;
    }
    normalise_row(x, sums, hidden, norm, epsilon);
  }
}

}  // namespace
}  // namespace slu

#define SLU_FLOATS(constant)                                                                   \
  namespace slu {                                                                              \
  const FloatKernels constant = {float_linear, float_gelu,     float_tanh,     float_quantise, \
                                 float_embed,  float_add_norm, float_attention};               \
  }
