// The exponential function in doubles, for decoders, which go without the C library.
#pragma once

#include "base.h"

namespace slu {

// e^x for x <= 0, within 1e-15.
inline double exponential(double x) {
  if (!(x > -700)) return 0;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: leaves a rounded integer in the low bits
  const double t = x * 1.4426950408889634 + kRound, n = t - kRound;
  const double r = (x - n * 0.693147180369123816) - n * 1.90821492927058770e-10;  // ln 2 in two parts
  double sum = 1;
  for (int k = 13; k > 0; --k) sum = 1 + sum * r / k;
  uint64_t bits;
  copy_bytes(&bits, &t, sizeof bits);
  bits = static_cast<uint64_t>(static_cast<int32_t>(static_cast<uint32_t>(bits)) + 1023) << 52;  // 2^n
  double power;
  copy_bytes(&power, &bits, sizeof power);
  return sum * power;
}

}  // namespace slu
