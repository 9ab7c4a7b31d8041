// Attention of one layer over the true number of tokens, in floats. Included by float_functions.h.
#pragma once

#include "kernels.h"

namespace slu {
namespace {

#ifdef SLU_SMALL  // size counts, not time
constexpr size_t kQueries = 1, kMostVectors = 1, kKeys = 1;
#else
// Queries, and vectors of values and of keys, computed together: as many sums as hide the latency of a fused
// multiply-add, and no more than there are registers.
constexpr size_t kQueries = 4, kMostVectors = kRegisters / 8, kKeys = kWidth == 8 ? 2 : 1;
#endif

// scores[q][column .. column + kVectors * kWidth) = queries[q] · keys[column ...]; see transpose_keys. most[q] becomes the
// largest of each lane, of tokens that there are.
template <size_t kRows, size_t kVectors>
inline void score_tile(const Attention &a, const float *queries, size_t column, size_t stride, float *scores,
                       V (&most)[kRows]) {
  V sums[kRows][kVectors];
  for (auto &row : sums)
    for (V &sum : row) sum = v_splat(0.0f);
  const float *key = a.keys + column * a.head_size;
  size_t d = 0;
  if constexpr (kSplatsLanes) {
    // Queries by the lane: ARM multiplies by one lane of a register for nothing, where x86 loads and spreads it.
    static_assert(kVectors == 1);
    for (; d + 4 <= a.head_size; d += 4) {
      V query[kRows];
      SLU_UNROLL for (size_t q = 0; q < kRows; ++q) query[q] = v_load(queries + q * a.qkv_stride + d);
      SLU_UNROLL for (size_t i = 0; i < 4; ++i, key += kWidth) {
        const V k = v_load(key);
        SLU_UNROLL for (size_t q = 0; q < kRows; ++q) sums[q][0] =
            v_fma(v_splat(v_lane(query[q], i)), k, sums[q][0]);
      }
    }
  }
  for (; d < a.head_size; ++d, key += kWidth) {
    V k[kVectors];
    SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) k[i] = v_load(key + i * kWidth * a.head_size);
    SLU_UNROLL for (size_t q = 0; q < kRows; ++q) {
      const V query = v_splat(queries[q * a.qkv_stride + d]);
      SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) sums[q][i] = v_fma(query, k[i], sums[q][i]);
    }
  }
  SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) {
    const size_t left = a.tokens - column - i * kWidth;
    SLU_UNROLL for (size_t q = 0; q < kRows; ++q) {
      v_store(scores + q * stride + column + i * kWidth, sums[q][i]);
      if (left < kWidth) sums[q][i] = v_select(lane_mask(left), sums[q][i], most[q]);
      most[q] = v_max(most[q], sums[q][i]);
    }
  }
}

// What is left of a row from `i` on, in vectors.
template <class F>
inline void for_vectors(size_t i, size_t count, F f) {
  SLU_UNROLL for (size_t part = 0; part < kParts; ++part) {
    const size_t at = i + part * kWidth;
    if (at < count) f(part, at, count - at);
  }
}

// scores[q][0 .. count) becomes e^((score - largest) * scale), where the largest is in the lanes of most[q];
// weights[q] becomes 1 / their sum; for q < rows. Lanes past the end are 0.
SLU_SHARED void exponentials(size_t rows, float *scores, size_t stride, size_t count, float scale,
                             const V *most, float *weights) {
  scale *= kLog2E;  // of a power of two
  const V factor = v_splat(scale);
  for (size_t q = 0; q < rows; ++q, scores += stride) {
    const V largest = v_splat(f16_max(for_parts([&](size_t) { return most[q]; }).part));
    F16 sums = splat(0.0f);
    for (size_t i = 0; i < count; i += kLanes)
      for_vectors(i, count, [&](size_t part, size_t at, size_t left) {
        V value = v_power_of_two(v_mul(v_sub(v_load(scores + at), largest), factor));
        if (left < kWidth) value = v_select(lane_mask(left), value, v_splat(0.0f));
        v_store(scores + at, value);
        sums.part[part] = v_add(sums.part[part], value);
      });
    weights[q] = 1.0f / f16_sum(sums.part);
  }
}

// output[q][0 .. kVectors * kWidth) = weights[q] * (scores[q] · values)
template <size_t kRows, size_t kVectors>
inline void value_tile(const Attention &a, const float *values, const float *scores, size_t stride,
                       const float *weights, float *output) {
  V sums[kRows][kVectors];
  for (auto &row : sums)
    for (V &sum : row) sum = v_splat(0.0f);
  const auto add = [&](size_t q, V score, const V(&v)[kVectors]) {
    SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) sums[q][i] = v_fma(score, v[i], sums[q][i]);
  };
  size_t t = 0;
  if constexpr (kSplatsLanes) {
    for (; t + 4 <= a.tokens; t += 4) {  // see score_tile
      V score[kRows];
      SLU_UNROLL for (size_t q = 0; q < kRows; ++q) score[q] = v_load(scores + q * stride + t);
      SLU_UNROLL for (size_t j = 0; j < 4; ++j, values += a.qkv_stride) {
        V v[kVectors];
        SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) v[i] = v_load(values + i * kWidth);
        SLU_UNROLL for (size_t q = 0; q < kRows; ++q) add(q, v_splat(v_lane(score[q], j)), v);
      }
    }
  }
  for (; t < a.tokens; ++t, values += a.qkv_stride) {
    V v[kVectors];
    SLU_UNROLL for (size_t i = 0; i < kVectors; ++i) v[i] = v_load(values + i * kWidth);
    SLU_UNROLL for (size_t q = 0; q < kRows; ++q) add(q, v_splat(scores[q * stride + t]), v);
  }
  SLU_UNROLL for (size_t q = 0; q < kRows; ++q) SLU_UNROLL for (size_t i = 0; i < kVectors; ++i)
      v_store(output + q * a.output_stride + i * kWidth, v_mul(sums[q][i], v_splat(weights[q])));
}

// output[q] = weights[q] * (scores[q] · values) of one head for kRows queries from `row` on. The output may be in the
// place of the queries: what is written past the head is put back.
template <size_t kRows>
SLU_SHARED void mix_values(const Attention &a, size_t row, size_t head, const float *scores, size_t stride,
                           const float *weights) {
  const size_t inner = size_t{a.heads} * a.head_size;
  const float *values = a.qkv + 2 * inner + head * a.head_size;
  float *output = a.output + row * a.output_stride + head * a.head_size;
  V beyond[kRows];
  SLU_UNROLL for (size_t q = 0; q < kRows; ++q) beyond[q] =
      v_load(output + q * a.output_stride + a.head_size);
  for (size_t d = 0; d < a.head_size;) {
    const size_t left = (a.head_size - d + kWidth - 1) / kWidth;
    if (kMostVectors >= 4 && left >= 4) {
      value_tile<kRows, kMostVectors>(a, values + d, scores, stride, weights, output + d);
      d += 4 * kWidth;
    } else if (kMostVectors >= 2 && left >= 2) {
      value_tile<kRows, kMostVectors >= 2 ? 2 : 1>(a, values + d, scores, stride, weights, output + d);
      d += 2 * kWidth;
    } else {
      value_tile<kRows, 1>(a, values + d, scores, stride, weights, output + d);
      d += kWidth;
    }
  }
  SLU_UNROLL for (size_t q = 0; q < kRows; ++q)
      v_store(output + q * a.output_stride + a.head_size, beyond[q]);
}

// One head for kRows queries from `row` on.
template <size_t kRows>
inline void attend(const Attention &a, size_t row, size_t head, size_t stride, float scale) {
  const float *queries = a.qkv + row * a.qkv_stride + head * a.head_size;
  V most[kRows];
  for (V &lanes : most) lanes = v_splat(-3e38f);
  size_t column = 0;
  if constexpr (kKeys > 1 && kRows > 1)
    for (; column + kWidth < a.tokens; column += 2 * kWidth)
      score_tile<kRows, 2>(a, queries, column, stride, a.scores, most);
  for (; column < a.tokens; column += kWidth)
    score_tile<kRows, 1>(a, queries, column, stride, a.scores, most);
  float weights[kRows];
  exponentials(kRows, a.scores, stride, a.tokens, scale, most, weights);
  mix_values<kRows>(a, row, head, a.scores, stride, weights);
}

// Of one head, keys[t][d] of tokens t, t + 1, ... t + kWidth - 1 side by side, as score_tile reads them. Past the last token
// they are copies, which nobody reads.
inline void transpose_keys(const Attention &a, const float *keys) {
  for (size_t t = 0; t < a.tokens; t += 4) {
    const float *rows[4];
    for (size_t i = 0; i < 4; ++i) rows[i] = keys + (t + i < a.tokens ? t + i : t) * a.qkv_stride;
    float *to = a.keys + t / kWidth * kWidth * a.head_size + t % kWidth;
    size_t d = 0;
    for (; d + 4 <= a.head_size; d += 4, to += 4 * kWidth) {
      v_store_transposed(to, rows);
      for (const float *&row : rows) row += 4;
    }
    for (; d < a.head_size; ++d, to += kWidth)
      for (size_t i = 0; i < 4; ++i) to[i] = *rows[i]++;
  }
}

void float_mix(const Attention &a, size_t row, size_t rows, size_t head, float scale) {
  const size_t stride = round_up(a.tokens, kLanes);
  V most[kScoreRows] = {};
  float weights[kScoreRows];
  for (size_t q = 0; q < rows; ++q) {
    float *scores = a.scores + q * stride;
    most[q] = v_splat(-3e38f);
    // Past the last token there are scores of copies of its key.
    for (size_t t = 0; t < stride; t += kWidth) {
      const V score = v_from_int(reinterpret_cast<const int32_t *>(scores + t));
      v_store(scores + t, score);
      most[q] = v_max(most[q], score);
    }
  }
  exponentials(rows, a.scores, stride, a.tokens, scale, most, weights);
  size_t q = 0;
  for (; q + kQueries <= rows; q += kQueries)
    mix_values<kQueries>(a, row + q, head, a.scores + q * stride, stride, weights + q);
  for (; q < rows; ++q) mix_values<1>(a, row + q, head, a.scores + q * stride, stride, weights + q);
}

void float_attention(const Attention &a) {
  const size_t stride = round_up(a.tokens, kLanes), inner = size_t{a.heads} * a.head_size;
  const auto scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(a.head_size)));
  for (size_t head = 0; head < a.heads; ++head) {
    transpose_keys(a, a.qkv + inner + head * a.head_size);
    size_t row = 0;
    for (; row + kQueries <= a.queries; row += kQueries) attend<kQueries>(a, row, head, stride, scale);
    for (; row < a.queries; ++row) attend<1>(a, row, head, stride, scale);
  }
}

}  // namespace
}  // namespace slu
