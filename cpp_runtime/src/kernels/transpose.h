// 4 by 4 words, by operations that GCC and Clang have for every processor.
#pragma once

#include "../base.h"

namespace slu {
namespace {

typedef int32_t Words __attribute__((vector_size(16)));

inline Words load_words(const void *p) {
  Words words;
  copy_bytes(&words, p, sizeof words);
  return words;
}

// rows[i][j] becomes rows[j][i].
inline void transpose(Words (&rows)[4]) {
  const Words a = __builtin_shufflevector(rows[0], rows[2], 0, 4, 1, 5);
  const Words b = __builtin_shufflevector(rows[0], rows[2], 2, 6, 3, 7);
  const Words c = __builtin_shufflevector(rows[1], rows[3], 0, 4, 1, 5);
  const Words d = __builtin_shufflevector(rows[1], rows[3], 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(a, c, 0, 4, 1, 5);
  rows[1] = __builtin_shufflevector(a, c, 2, 6, 3, 7);
  rows[2] = __builtin_shufflevector(b, d, 0, 4, 1, 5);
  rows[3] = __builtin_shufflevector(b, d, 2, 6, 3, 7);
}

// to[i][j] = rows[j][i], 4 by 4; kStep words from row to row of `to`.
template <size_t kStep>
inline void store_transposed(float *to, const float *const (&rows)[4]) {
  Words words[4];
  for (size_t i = 0; i < 4; ++i) words[i] = load_words(rows[i]);
  transpose(words);
  for (size_t i = 0; i < 4; ++i) copy_bytes(to + i * kStep, &words[i], sizeof words[i]);
}

}  // namespace
}  // namespace slu
