// Linux and Android by system calls, so that the library needs no libc. x86-64, ARM64 and ARM.
#include "os.h"

#if defined(__x86_64__)
#include "os_cpu_x86.h"
#endif

namespace slu {
namespace {

#if defined(__x86_64__)
enum Call : long { kRead = 0, kClose = 3, kMmap = 9, kMunmap = 11, kLseek = 8, kYield = 24, kOpenat = 257 };

long call(Call number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum Call : long {
  kRead = 63,
  kClose = 57,
  kMmap = 222,
  kMunmap = 215,
  kLseek = 62,
  kYield = 124,
  kOpenat = 56
};

long call(Call number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#elif defined(__arm__)
// kMmap is mmap2, whose offset is in pages: it is 0 here.
enum Call : long {
  kRead = 3,
  kClose = 6,
  kMmap = 192,
  kMunmap = 91,
  kLseek = 19,
  kYield = 158,
  kOpenat = 322
};

long call(Call number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long r7 __asm__("r7") = number;
  register long r0 __asm__("r0") = a;
  register long r1 __asm__("r1") = b;
  register long r2 __asm__("r2") = c;
  register long r3 __asm__("r3") = d;
  register long r4 __asm__("r4") = e;
  register long r5 __asm__("r5") = f;
  __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
  return r0;
}
#endif

constexpr long kCurrentDirectory = -100, kSeekEnd = 2;
// Read-only, to be closed by exec, and without waiting for the writer of a pipe.
constexpr long kOpenFlags = 02000000 | 04000;
constexpr long kProtRead = 1, kProtWrite = 2, kPrivate = 2, kAnonymous = 0x20;

bool failed(long result) { return result < 0 && result > -4096; }

long open_file(const char *path) {
  return call(kOpenat, kCurrentDirectory, reinterpret_cast<long>(path), kOpenFlags);
}

}  // namespace

bool os_map(const char *path, Mapping *mapping) {
  const long file = open_file(path);
  if (failed(file)) return false;
  const long bytes = call(kLseek, file, 0, kSeekEnd);
  long address = bytes ? -1 : 0;
  char first;
  // A device is as long as an empty file, and has something to read.
  if (bytes == 0 && call(kRead, file, reinterpret_cast<long>(&first), 1) != 0) address = -1;
  if (bytes > 0) address = call(kMmap, 0, bytes, kProtRead, kPrivate, file, 0);
  call(kClose, file);
  if (bytes < 0 || failed(address)) return false;
  mapping->data = reinterpret_cast<const uint8_t *>(address);
  mapping->bytes = static_cast<size_t>(bytes);
  return true;
}

void os_unmap(Mapping mapping) {
  if (mapping.bytes) call(kMunmap, reinterpret_cast<long>(mapping.data), static_cast<long>(mapping.bytes));
}

void *os_allocate(size_t bytes) {
  const long address =
      call(kMmap, 0, static_cast<long>(bytes), kProtRead | kProtWrite, kPrivate | kAnonymous, -1, 0);
  return failed(address) ? nullptr : reinterpret_cast<void *>(address);
}

void os_free(void *memory, size_t bytes) {
  call(kMunmap, reinterpret_cast<long>(memory), static_cast<long>(bytes));
}

void os_yield() { call(kYield); }

#if defined(__aarch64__) || defined(__arm__)
namespace {

// Reads a small file of /proc; returns the bytes read.
size_t read_file(const char *path, char *buffer, size_t bytes) {
  const long file = open_file(path);
  if (failed(file)) return 0;
  size_t used = 0;
  while (used < bytes) {
    const long count =
        call(kRead, file, reinterpret_cast<long>(buffer + used), static_cast<long>(bytes - used));
    if (count <= 0) break;
    used += static_cast<size_t>(count);
  }
  call(kClose, file);
  return used;
}

bool has_word(const char *text, size_t bytes, View word) {
  for (size_t i = 0; i + word.bytes < bytes; ++i)
    if (same_bytes(text + i, word.data, word.bytes) && (i == 0 || text[i - 1] <= ' ') &&
        text[i + word.bytes] <= ' ')
      return true;
  return false;
}

}  // namespace

Cpu os_cpu() {
  Cpu cpu;
  struct {
    uintptr_t type, value;
  } entries[64];
  // The bits are those of the kernel's asm/hwcap.h. ARM64: HWCAP_ASIMDDP is 1 << 20 of AT_HWCAP (16), HWCAP2_I8MM is
  // 1 << 13 of AT_HWCAP2 (26). ARM: HWCAP_NEON is 1 << 12, HWCAP_VFPv4 1 << 16.
  const size_t count = read_file("/proc/self/auxv", reinterpret_cast<char *>(entries), sizeof entries);
  for (size_t i = 0; i < count / sizeof entries[0] && entries[i].type; ++i) {
#if defined(__aarch64__)
    if (entries[i].type == 16) cpu.dot_product = entries[i].value >> 20 & 1;
    if (entries[i].type == 26) cpu.int8_matmul = entries[i].value >> 13 & 1;
#else
    if (entries[i].type == 16) cpu.neon_vfpv4 = (entries[i].value >> 12 & 1) && (entries[i].value >> 16 & 1);
#endif
  }
  if (count == 0) {
    // Android hides auxv from apps that are not debuggable; cpuinfo is open to all.
    char text[4096];
    const size_t bytes = read_file("/proc/cpuinfo", text, sizeof text);
    cpu.dot_product = has_word(text, bytes, "asimddp");
    cpu.int8_matmul = has_word(text, bytes, "i8mm");
    cpu.neon_vfpv4 = has_word(text, bytes, "neon") && has_word(text, bytes, "vfpv4");
  }
  return cpu;
}
#elif defined(__x86_64__)
Cpu os_cpu() { return cpu_x86(); }
#else
Cpu os_cpu() { return {}; }
#endif

}  // namespace slu
