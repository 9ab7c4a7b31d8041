// Attention of one layer whose scores are products of INT8 queries and keys.
#pragma once

#include "kernels/kernels.h"

namespace slu {

// Working memory beside that of `Attention`. Rows are of round_up(head_size, 8) bytes.
struct IntegerScratch {
  int8_t *rows;      // [16, or tokens if fewer] rows and 16 bytes
  int8_t *keys;      // [round_up(tokens, 16)] rows
  int32_t *sums;     // [round_up(tokens, 16)]
  int8_t *arranged;  // see Input::scratch
};

// As FloatKernels::attention; `a.keys` is not used, and `a.scores` has kScoreRows rows.
void integer_attention(const Kernels &kernels, const Attention &a, const ScoreSteps &steps,
                       const IntegerScratch &scratch);

}  // namespace slu
