// What every file of the core uses. The core is freestanding C++17: no libc, no exceptions, no RTTI, no globals.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "slu/slu.h"

namespace slu {

// Vector kernels work on whole groups of kLanes floats; every row they write is padded to a multiple of it.
constexpr size_t kLanes = 16;

constexpr size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

inline void copy_bytes(void *to, const void *from, size_t bytes) { __builtin_memcpy(to, from, bytes); }

inline bool same_bytes(const void *a, const void *b, size_t bytes) {
  const auto *x = static_cast<const uint8_t *>(a);
  const auto *y = static_cast<const uint8_t *>(b);
  for (size_t i = 0; i < bytes; ++i)
    if (x[i] != y[i]) return false;
  return true;
}

// Bytes that belong to somebody else: a text, or a string in the model file. Not ended by NUL.
struct View {
  const char *data = nullptr;
  size_t bytes = 0;

  View() = default;
  View(const char *first, size_t count) : data(first), bytes(count) {}
  View(const char *literal) : data(literal) {  // NOLINT: literals convert
    while (literal[bytes]) ++bytes;
  }
  bool operator==(View other) const { return bytes == other.bytes && same_bytes(data, other.data, bytes); }
};

// A one-line message in a buffer of fixed size; what does not fit is cut. In message.cpp.
class Message {
 public:
  explicit Message(slu_error *error) : error_(error) {
    if (error_) error_->message[0] = 0;
  }
  // Control characters, and bytes that are not UTF-8, become question marks.
  Message &operator<<(View text);
  Message &operator<<(const char *text) { return *this << View(text); }
  Message &operator<<(uint64_t number);

 private:
  slu_error *error_;
  size_t used_ = 0;
};

// Leaves `what` in *error; always SLU_ERROR_ARGUMENT. In api.cpp.
slu_status wrong_argument(slu_error *error, const char *what);

// Hands out pieces of one block of memory. With a null base it only adds up what would be needed: in 64 bits, as a
// damaged model may ask for more than 32 bits can count.
class Arena {
 public:
  explicit Arena(void *base) : base_(static_cast<uint8_t *>(base)) {}
  template <class T>
  T *take(uint64_t count) {
    used_ = (used_ + 63) / 64 * 64;
    auto *result = base_ ? reinterpret_cast<T *>(base_ + used_) : nullptr;
    used_ += count * sizeof(T);
    return result;
  }
  uint64_t used() const { return used_; }

 private:
  uint8_t *base_;
  uint64_t used_ = 0;
};

}  // namespace slu
