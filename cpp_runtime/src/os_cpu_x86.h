// What the processor and the operating system support, by CPUID and XGETBV. Source: Intel SDM, volume 2, CPUID.
#pragma once

#include <cpuid.h>

#include "os.h"

namespace slu {

inline Cpu cpu_x86() {
  Cpu cpu;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return cpu;
  const bool fma = c >> 12 & 1, osxsave = c >> 27 & 1;
  if (!osxsave) return cpu;
  unsigned enabled, high;
  __asm__("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
  const bool ymm = (enabled & 0x06) == 0x06, zmm = (enabled & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return cpu;
  cpu.avx2 = ymm && fma && (b >> 5 & 1);
  // F, DQ, BW, VL and VNNI.
  cpu.avx512_vnni =
      zmm && cpu.avx2 && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1) && (c >> 11 & 1);
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) cpu.avx_vnni = cpu.avx2 && (a >> 4 & 1);
  return cpu;
}

}  // namespace slu
