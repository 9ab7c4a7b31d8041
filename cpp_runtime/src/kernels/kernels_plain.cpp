// Plain C++: the oracle. Slow and obvious.
#include "simd_plain.h"
#include "tile.h"
#include "unarranged.h"

namespace slu {
namespace {

constexpr uint8_t kInputOffset = 0;
constexpr size_t kMostRows = 1;
constexpr size_t panels_at_once(size_t) { return 1; }

template <size_t kRows, size_t kPanels>
void products_tile(const Tile &tile) {
  for (size_t c = 0; c < kLanes; ++c) {
    int32_t sum = 0;
    for (size_t g = 0; g < tile.groups(); ++g)
      for (size_t k = 0; k < kGroup; ++k)
        sum += static_cast<int8_t>(tile.x[g * kGroup + k]) * tile.weights()[(g * kLanes + c) * kGroup + k];
    tile.sums[c] = sum;
  }
}

}  // namespace
}  // namespace slu

#include "integer_functions.h"

SLU_KERNELS(kPlainKernels, "plain", kPlainFloats)
