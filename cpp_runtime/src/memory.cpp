// The four functions that compilers call on their own, for libraries that are linked without a libc.
#include <stddef.h>

extern "C" {

// Hidden: they are for this library alone, not for whoever loads it.
#define SLU_LOCAL __attribute__((visibility("hidden"), used))

SLU_LOCAL void *memcpy(void *__restrict to, const void *__restrict from, size_t bytes) {
  auto *d = static_cast<char *>(to);
  const auto *s = static_cast<const char *>(from);
  for (; bytes; --bytes) *d++ = *s++;
  return to;
}

SLU_LOCAL void *memmove(void *to, const void *from, size_t bytes) {
  auto *d = static_cast<char *>(to);
  const auto *s = static_cast<const char *>(from);
  if (d < s) return memcpy(to, from, bytes);
  while (bytes--) d[bytes] = s[bytes];
  return to;
}

SLU_LOCAL void *memset(void *to, int value, size_t bytes) {
  auto *d = static_cast<char *>(to);
  for (; bytes; --bytes) *d++ = static_cast<char>(value);
  return to;
}

SLU_LOCAL int memcmp(const void *a, const void *b, size_t bytes) {
  const auto *x = static_cast<const unsigned char *>(a);
  const auto *y = static_cast<const unsigned char *>(b);
  for (; bytes; --bytes, ++x, ++y)
    if (*x != *y) return *x - *y;
  return 0;
}
}
