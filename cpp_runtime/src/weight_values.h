// What the values of a model file must be so that every kernel computes the same: nothing that overflows, nothing that is
// no number, zeros where rows are padded, and sums that are those of the weights.
#pragma once

#include "model.h"

namespace slu {

// Products of 65,536 such numbers, and of what comes of them, stay inside the range of floats.
constexpr float kLargestFloat = 1e4f, kLargestScale = 1e3f;
// The steps of int8 inputs, whose inverse is used as well.
constexpr float kSmallestStep = 1e-30f, kSmallestScoreStep = 1e-15f;

// Whether the values are numbers from -kLargestFloat to kLargestFloat, and 0 from index `used` on.
bool floats_good(const float *values, uint64_t count, uint64_t used);
// Whether the values are above 0 and at most kLargestScale, and 0 from index `used` on.
bool scales_good(const float *values, uint64_t count, uint64_t used);
// Whether no int8 weight is -128, those of padded inputs are 0, and `sums` is right.
bool integers_good(const Linear &linear);

}  // namespace slu
