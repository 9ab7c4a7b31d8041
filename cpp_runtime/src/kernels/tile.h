// What an inner loop of int8 products is given: some rows (tokens) of the input and some panels of 16 outputs.
#pragma once

#include "float_math.h"
#include "kernels.h"

namespace slu {
namespace {

struct Tile {
  const Linear &linear;
  size_t panel;      // first panel
  const uint8_t *x;  // first row
  size_t row_bytes;  // from row to row
  int32_t *sums;     // [panels][rows][16], where to put the sums

  // Whether only the first half of a panel holds outputs; the rest is padding.
  bool half() const { return linear.out <= panel * kLanes + kLanes / 2; }
  size_t groups() const { return linear.in_padded / kGroup; }
  size_t panel_bytes() const { return size_t{linear.in_padded} * kLanes; }
  const int8_t *weights() const { return linear.weight + panel * panel_bytes(); }
};

inline int32_t load_group(const uint8_t *x) {
  int32_t group;
  copy_bytes(&group, x, sizeof group);
  return group;
}

}  // namespace
}  // namespace slu
