// Attention of one layer over the true number of tokens, in floats. Included by float_functions.h.
#pragma once

#include "kernels.h"
#include "transpose.h"

namespace slu {
namespace {

constexpr size_t kQueries = 4;  // queries computed together

// scores[q][columns .. columns + kWidth) = queries[q] · keys[all][columns ...]; keys lie transposed.
template <size_t kRows>
inline void score_tile(const Attention &a, const float *queries, size_t column, size_t stride,
                       float *scores) {
  V sums[kRows];
  SLU_UNROLL for (size_t q = 0; q < kRows; ++q) sums[q] = v_splat(0.0f);
  const float *key = a.keys + column;
  size_t d = 0;
  if constexpr (kWidth == 4) {
    // Queries by the lane: ARM multiplies by one lane of a register for nothing, where x86 loads and spreads it.
    for (; d + 4 <= a.head_size; d += 4) {
      V query[kRows];
      SLU_UNROLL for (size_t q = 0; q < kRows; ++q) query[q] = v_load(queries + q * a.qkv_stride + d);
      SLU_UNROLL for (size_t i = 0; i < 4; ++i, key += stride) {
        const V k = v_load(key);
        SLU_UNROLL for (size_t q = 0; q < kRows; ++q) sums[q] =
            v_fma(v_splat(v_lane(query[q], i)), k, sums[q]);
      }
    }
  }
  for (; d < a.head_size; ++d, key += stride) {
    const V k = v_load(key);
    SLU_UNROLL for (size_t q = 0; q < kRows; ++q) sums[q] =
        v_fma(v_splat(queries[q * a.qkv_stride + d]), k, sums[q]);
  }
  SLU_UNROLL for (size_t q = 0; q < kRows; ++q) v_store(scores + q * stride + column, sums[q]);
}

// scores becomes its softmax, times 1 / sqrt(head_size) before.
inline void softmax(float *scores, size_t count, float scale) {
  const F16 factor = splat(scale);
  F16 most = splat(-3e38f);
  size_t i = 0;
  for (; i < count; i += kLanes) {
    const F16 value = load(scores + i) * factor;
    store(scores + i, value);
    most = larger(most, i + kLanes <= count ? value : first_lanes(value, count - i, -3e38f));
  }
  const F16 largest = splat(f16_max(most.part));
  F16 sums = splat(0.0f);
  for (i = 0; i < count; i += kLanes) {
    F16 value = exponential(load(scores + i) - largest);
    if (i + kLanes > count) value = first_lanes(value, count - i, 0.0f);
    store(scores + i, value);
    sums = sums + value;
  }
  const F16 inverse = splat(1.0f / f16_sum(sums.part));
  for (i = 0; i < count; i += kLanes) store(scores + i, load(scores + i) * inverse);
}

// output[q][0 .. kVectors * kWidth) = probabilities[q] · values
template <size_t kRows, size_t kVectors>
inline void value_tile(const Attention &a, const float *values, const float *scores, size_t stride,
                       float *output) {
  V sums[kRows][kVectors];
  for (auto &row : sums)
    for (V &sum : row) sum = v_splat(0.0f);
  for (size_t t = 0; t < a.tokens; ++t, values += a.qkv_stride) {
    V v[kVectors];
    SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) v[i] = v_load(values + i * kWidth);
    SLU_UNROLL for (size_t q = 0; q < kRows; ++q) {
      const V p = v_splat(scores[q * stride + t]);
      SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) sums[q][i] = v_fma(p, v[i], sums[q][i]);
    }
  }
  SLU_UNROLL for (size_t q = 0; q < kRows; ++q) SLU_UNROLL for (size_t i = 0; i < kVectors; ++i)
      v_store(output + q * a.output_stride + i * kWidth, sums[q][i]);
}

// One head for kRows queries from `row` on. What is written past the head is written again by the next one.
template <size_t kRows>
inline void attend(const Attention &a, size_t row, size_t head, size_t stride, float scale) {
  const size_t inner = size_t{a.heads} * a.head_size;
  const float *queries = a.qkv + row * a.qkv_stride + head * a.head_size;
  for (size_t column = 0; column < a.tokens; column += kWidth)
    score_tile<kRows>(a, queries, column, stride, a.scores);
  for (size_t q = 0; q < kRows; ++q) softmax(a.scores + q * stride, a.tokens, scale);
  const float *values = a.qkv + 2 * inner + head * a.head_size;
  float *output = a.output + row * a.output_stride + head * a.head_size;
  for (size_t d = 0; d < a.head_size;) {
    const size_t left = (a.head_size - d + kWidth - 1) / kWidth;
    if (left >= 4) {
      value_tile<kRows, 4>(a, values + d, a.scores, stride, output + d);
      d += 4 * kWidth;
    } else if (left >= 2) {
      value_tile<kRows, 2>(a, values + d, a.scores, stride, output + d);
      d += 2 * kWidth;
    } else {
      value_tile<kRows, 1>(a, values + d, a.scores, stride, output + d);
      d += kWidth;
    }
  }
}

// a.keys[d][t] = keys[t][d] of one head. Past the last token it holds copies, which nobody reads.
inline void transpose_keys(const Attention &a, const float *keys, size_t stride) {
  for (size_t t = 0; t < a.tokens; t += 4) {
    const float *rows[4];
    for (size_t i = 0; i < 4; ++i) rows[i] = keys + (t + i < a.tokens ? t + i : t) * a.qkv_stride;
    float *to = a.keys + t;
    size_t d = 0;
    for (; d + 4 <= a.head_size; d += 4) {
      Words words[4];
      SLU_UNROLL for (size_t i = 0; i < 4; ++i) words[i] = load_words(rows[i] + d);
      transpose(words);
      SLU_UNROLL for (size_t i = 0; i < 4; ++i, to += stride) copy_bytes(to, &words[i], sizeof words[i]);
    }
    for (; d < a.head_size; ++d, to += stride)
      for (size_t i = 0; i < 4; ++i) to[i] = rows[i][d];
  }
}

void float_attention(const Attention &a) {
  const size_t stride = round_up(a.tokens, kLanes), inner = size_t{a.heads} * a.head_size;
  const auto scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(a.head_size)));
  for (size_t head = 0; head < a.heads; ++head) {
    transpose_keys(a, a.qkv + inner + head * a.head_size, stride);
    size_t row = 0;
    for (; row + kQueries <= a.tokens; row += kQueries) attend<kQueries>(a, row, head, stride, scale);
    for (; row < a.tokens; ++row) attend<1>(a, row, head, stride, scale);
  }
}

}  // namespace
}  // namespace slu
