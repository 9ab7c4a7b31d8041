// The int8 linear layers over the inner loop of one instruction set. Included last by each kernels_*.cpp, after these,
// which only it can define:
//   kInputOffset                  see Kernels::input_offset
//   kMostRows                     rows (tokens) that products_tile takes at once
//   panels_at_once(rows)          panels of 16 outputs that it takes with so many rows
//   products_tile<rows, panels>   the products
//   kArranges                     whether a tile's inputs are rearranged before; if so arranged_rows, arrange_tile
#pragma once

#include "tile.h"

namespace slu {
namespace {

// How many rows tile `t` of `tiles` has, when `rows` are left: as even as can be.
constexpr size_t rows_of_tile(size_t rows, size_t t, size_t tiles) {
  return (rows + tiles - t - 1) / (tiles - t);
}

inline void arrange_inputs(const Linear &linear, const Input &x) {
  const size_t tiles = (x.rows + kMostRows - 1) / kMostRows;
  const auto *from = static_cast<const int8_t *>(x.data);
  int8_t *to = x.scratch;
  size_t row = 0;
  for (size_t t = 0; t < tiles; ++t) {
    const size_t count = rows_of_tile(x.rows - row, t, tiles);
    arrange_tile(from + row * x.stride, x.stride, count, linear.in_padded, to);
    to += arranged_rows(count) * linear.in_padded;
    row += count;
  }
}

constexpr size_t kMostSums = 32;  // groups of 16 that a tile may give: as many as there are registers

template <size_t kRows>
inline void run_tile_of(const Tile &tile, size_t rows, size_t panels) {
  static_assert(kRows * panels_at_once(kRows) <= kMostSums);
  if (rows == kRows) {
    if constexpr (panels_at_once(kRows) > 1)
      if (panels > 1) return products_tile<kRows, panels_at_once(kRows)>(tile);
    return products_tile<kRows, 1>(tile);
  }
  if constexpr (kRows > 1) run_tile_of<kRows - 1>(tile, rows, panels);
}

SLU_OUT_OF_LINE void run_tile(const Tile &tile, size_t rows, size_t panels) {
  run_tile_of<kMostRows>(tile, rows, panels);
}

// What becomes of the sums of 16 outputs, from `output` on, of some rows: called by for_tiles.
struct Epilogue {
  void (*finish)(const Epilogue &self, size_t first, size_t rows, size_t output, const int32_t *sums);
  const Linear &linear;
  void *y;
  size_t y_stride;
  float inverse = 0;
};

// Panels are the outer loop: a panel's weights are read from memory once, and come from the nearest cache for the other
// rows. The epilogue is not a template's: a copy of this for each would cost more than the calls.
void for_tiles(const Epilogue &epilogue, const Input &x) {
  const Linear &linear = epilogue.linear;
  // Set, as kernels leave out parts of a panel that are padding.
  alignas(64) int32_t sums[kMostSums * kLanes] = {};
  if (kArranges) arrange_inputs(linear, x);
  const auto *inputs = static_cast<const uint8_t *>(kArranges ? x.scratch : x.data);
  const size_t panels = linear.out_padded / kLanes, tiles = (x.rows + kMostRows - 1) / kMostRows;
  for (size_t panel = 0; panel < panels;) {
    size_t step = panels_at_once(rows_of_tile(x.rows, 0, tiles));
    if (panels - panel < step) step = 1;
    const uint8_t *input = inputs;
    size_t row = 0;
    for (size_t t = 0; t < tiles; ++t) {
      const size_t count = rows_of_tile(x.rows - row, t, tiles);
      // A tile of fewer rows may be made for another number of panels.
      for (size_t p = 0; p < step;) {
        const size_t most = panels_at_once(count), at_once = step - p >= most ? most : 1;
        run_tile({linear, panel + p, input, x.stride, sums}, count, at_once);
        for (size_t q = 0; q < at_once; ++q)
          epilogue.finish(epilogue, row, count, (panel + p + q) * kLanes, sums + q * count * kLanes);
        p += at_once;
      }
      row += count;
      input += kArranges ? arranged_rows(count) * linear.in_padded : count * x.stride;
    }
    panel += step;
  }
}

// Calls store(row, y) with 16 outputs y = x * W + b of each row.
template <class Store>
inline void for_outputs(const Epilogue &self, size_t first, size_t rows, size_t output, const int32_t *sums,
                        Store store) {
  const Linear &linear = self.linear;
  const F16 scale = load(linear.scale + output) * splat(linear.input_scale),
            bias = load(linear.bias + output);
  for (size_t m = 0; m < rows; ++m)
    store((first + m) * self.y_stride + output, fma(from_int(sums + m * kLanes), scale, bias));
}

void integer_products(const Linear &linear, const Input &x, int32_t *acc) {
  for_tiles({[](const Epilogue &self, size_t first, size_t rows, size_t output, const int32_t *sums) {
               for (size_t m = 0; m < rows; ++m)
                 copy_bytes(static_cast<int32_t *>(self.y) + (first + m) * self.y_stride + output,
                            sums + m * kLanes, kLanes * sizeof(int32_t));
             },
             linear, acc, linear.out_padded},
            x);
}

void integer_linear(const Linear &linear, const Input &x, float *y, size_t y_stride) {
  for_tiles({[](const Epilogue &self, size_t first, size_t rows, size_t output, const int32_t *sums) {
               for_outputs(self, first, rows, output, sums, [&](size_t at, const F16 &value) {
                 store(static_cast<float *>(self.y) + at, value);
               });
             },
             linear, y, y_stride},
            x);
}

void integer_linear_gelu_quantise(const Linear &linear, const Input &x, float inverse, int8_t *y,
                                  size_t y_stride) {
  for_tiles({[](const Epilogue &self, size_t first, size_t rows, size_t output, const int32_t *sums) {
               for_outputs(self, first, rows, output, sums, [&](size_t at, const F16 &value) {
                 store_int8(static_cast<int8_t *>(self.y) + at, gelu(value), splat(self.inverse),
                            kInputOffset);
               });
             },
             linear, y, y_stride, inverse},
            x);
}

}  // namespace
}  // namespace slu

#define SLU_KERNELS(constant, name, floats)                                                         \
  namespace slu {                                                                                   \
  const Kernels constant = {                                                                        \
      name, kInputOffset, &floats, integer_products, integer_linear, integer_linear_gelu_quantise}; \
  }
