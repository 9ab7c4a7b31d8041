// All that the engine asks of an operating system. A port writes these six functions; see os_linux.cpp.
#pragma once

#include "base.h"

namespace slu {

constexpr size_t kMostListBytes = size_t{1}
                                  << 28;  // of a file that is read to its end: entries, pinned texts

struct Mapping {
  const uint8_t *data = nullptr;
  size_t bytes = 0;
};

// Map a whole file read-only; an empty one has no data. False when it cannot be opened or mapped.
bool os_map(const char *path, Mapping *mapping);
void os_unmap(Mapping mapping);

// Zeroed memory, aligned to 64 bytes; null when there is none.
void *os_allocate(size_t bytes);
void os_free(void *memory, size_t bytes);

// The same for what an Arena has counted, which may be more than there are addresses.
inline void *allocate(uint64_t bytes) {
  return bytes > SIZE_MAX / 2 ? nullptr : os_allocate(static_cast<size_t>(bytes));
}

// Let other threads run, one of which has what this one waits for.
void os_yield();

// Instruction set extensions that the kernels ask for.
struct Cpu {
  bool avx2 = false, avx_vnni = false, avx512_vnni = false;  // x86
  bool dot_product = false, int8_matmul = false;             // ARM64
  bool neon_vfpv4 = false;                                   // ARM of 32 bits: NEON, and a fused multiply-add
  // WebAssembly with relaxed SIMD: what its dot product takes the second operand for.
  bool relaxed_signed = false, relaxed_unsigned = false;
};
Cpu os_cpu();

}  // namespace slu
