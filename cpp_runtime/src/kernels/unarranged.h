// For kernels that read the rows of the input as they are.
#pragma once

#include "tile.h"

namespace slu {
namespace {

constexpr bool kArranges = false;
constexpr size_t arranged_rows(size_t rows) { return rows; }
inline void arrange_tile(const int8_t *, size_t, size_t, size_t, int8_t *) {}

}  // namespace
}  // namespace slu
