#include "weight_values.h"

namespace slu {
namespace {

// Vectors that GCC and Clang have for every processor.
typedef uint16_t Words __attribute__((vector_size(16)));  // 8 pairs of int8
typedef int16_t SignedWords __attribute__((vector_size(16)));
typedef int8_t Bytes __attribute__((vector_size(16)));
typedef uint32_t Bits __attribute__((vector_size(16)));
typedef uint64_t Pair __attribute__((vector_size(16)));

template <class Vector>
bool any(Vector mask) {
  const auto pair = reinterpret_cast<Pair>(mask);
  return (pair[0] | pair[1]) != 0;
}

bool zeros(const float *values, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; ++i)
    if (values[i] < 0 || values[i] > 0 || !(values[i] < 1)) return false;
  return true;
}

// Both bytes of each word, added.
SignedWords byte_sums(Words words) {
  return (reinterpret_cast<SignedWords>(words << 8) >> 8) + (reinterpret_cast<SignedWords>(words) >> 8);
}

}  // namespace

bool floats_good(const float *values, uint64_t count, uint64_t used) {
  uint32_t largest;
  copy_bytes(&largest, &kLargestFloat, sizeof largest);
  constexpr uint64_t kStep = sizeof(Bits) / sizeof(float);
  Bits wrong = {};
  uint64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    Bits bits;
    copy_bytes(&bits, values + i, sizeof bits);
    wrong |= reinterpret_cast<Bits>((bits & 0x7fffffff) > largest);  // also what is no number, or infinite
  }
  for (; i < count; ++i)
    if (!(values[i] >= -kLargestFloat && values[i] <= kLargestFloat)) return false;
  return !any(wrong) && zeros(values, used, count);
}

bool scales_good(const float *values, uint64_t count, uint64_t used) {
  for (uint64_t i = 0; i < used; ++i)
    if (!(values[i] > 0 && values[i] <= kLargestScale)) return false;
  return zeros(values, used, count);
}

bool integers_good(const Linear &linear) {
  constexpr size_t kGroupBytes = kLanes * kGroup, kVectors = kGroupBytes / sizeof(Words);
  constexpr size_t kMostGroups = 32767 / (2 * 128);  // whose sums are words
  const size_t groups = linear.in_padded / kGroup;
  const int8_t *weights = linear.weight;
  Bytes wrong = {};
  for (size_t output = 0; output < linear.out_padded; output += kLanes) {
    int32_t sums[kLanes] = {};
    for (size_t group = 0; group < groups;) {
      SignedWords words[kVectors] = {};
      const size_t left = groups - group, count = left < kMostGroups ? left : kMostGroups;
      for (size_t i = 0; i < count; ++i, weights += kGroupBytes)
        for (size_t v = 0; v < kVectors; ++v) {
          Bytes bytes;
          copy_bytes(&bytes, weights + v * sizeof bytes, sizeof bytes);
          wrong |= reinterpret_cast<Bytes>(bytes == INT8_MIN);
          words[v] += byte_sums(reinterpret_cast<Words>(bytes));
        }
      for (size_t o = 0; o < kLanes; ++o) sums[o] += words[o / 4][o % 4 * 2] + words[o / 4][o % 4 * 2 + 1];
      group += count;
    }
    if (!same_bytes(sums, linear.sums + output, sizeof sums)) return false;
    // Inputs past the last one may be anything.
    const int8_t *panel = weights - groups * kGroupBytes;
    for (size_t k = linear.in; k < linear.in_padded; ++k)
      for (size_t o = 0; o < kLanes; ++o)
        if (panel[(k / kGroup) * kGroupBytes + o * kGroup + k % kGroup]) return false;
  }
  return !any(wrong);
}

}  // namespace slu
