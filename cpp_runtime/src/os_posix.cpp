// The same by the C library: for sanitizers, which watch its functions, and for systems other than Linux.
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"

#if defined(__x86_64__)
#include "os_cpu_x86.h"
#elif defined(__wasm__)
#include "os_cpu_wasm.h"
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

namespace slu {

bool os_map(const char *path, Mapping *mapping) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for its writer
  if (file < 0) return false;
  struct stat status;
  const bool found = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  void *address = found && !status.st_size ? nullptr : MAP_FAILED;
  if (found && status.st_size)
    address = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (address == MAP_FAILED) return false;
  mapping->data = static_cast<const uint8_t *>(address);
  mapping->bytes = static_cast<size_t>(status.st_size);
  return true;
}

void os_unmap(Mapping mapping) {
  if (mapping.bytes) munmap(const_cast<uint8_t *>(mapping.data), mapping.bytes);
}

void *os_allocate(size_t bytes) {
  void *memory = nullptr;
  if (posix_memalign(&memory, 64, bytes) != 0) return nullptr;
  return memset(memory, 0, bytes);
}

void os_free(void *memory, size_t) { free(memory); }

void os_yield() { sched_yield(); }

Cpu os_cpu() {
#if defined(__x86_64__)
  return cpu_x86();
#elif defined(__wasm__)
  return cpu_wasm();
#elif defined(__linux__)
  Cpu cpu;
  cpu.dot_product = getauxval(AT_HWCAP) >> 20 & 1;
  cpu.int8_matmul = getauxval(AT_HWCAP2) >> 13 & 1;
  return cpu;
#else
  return Cpu();
#endif
}

}  // namespace slu
