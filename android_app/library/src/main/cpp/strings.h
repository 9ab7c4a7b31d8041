// Strings between Java and the engine, as UTF-16 both ways: NewStringUTF and GetStringUTFChars have an encoding of their
// own, which some runtimes take for UTF-8 and others do not.
#pragma once

#include <jni.h>

#include "base.h"
#include "os.h"
#include "utf8.h"

namespace slu {

constexpr uint32_t kReplacement = 0xfffd;

// Memory that is freed where its scope ends. Small blocks cost no call of the system.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() {
    if (large_) os_free(large_, bytes_);
  }
  // Room for `count`, or null when there is none. To be called once.
  T *room(size_t count) {
    if (count <= kSmall) return small_;
    if (count > SIZE_MAX / sizeof(T)) return nullptr;
    bytes_ = count * sizeof(T);
    large_ = static_cast<T *>(os_allocate(bytes_));
    return large_;
  }

 private:
  static constexpr size_t kSmall = 1024 / sizeof(T);
  T small_[kSmall];
  T *large_ = nullptr;
  size_t bytes_ = 0;
};

// The UTF-8 of a Java string, ended by NUL. A surrogate without its other half becomes U+FFFD, which is one UTF-16 unit
// as well.
class Utf8 {
 public:
  // False when there is no memory. `string` may be null: then data() is.
  bool read(JNIEnv *env, jstring string) {
    if (!string) return true;
    const auto units = static_cast<size_t>(env->GetStringLength(string));
    if (units > (SIZE_MAX - 1) / 3) return false;
    uint8_t *out = buffer_.room(3 * units + 1);
    if (!out) return false;
    view_.data = reinterpret_cast<const char *>(out);
    uint32_t high = 0;  // the half of a pair that was read
    for (size_t start = 0; start < units; start += kPiece) {
      jchar piece[kPiece];
      const size_t count = units - start < kPiece ? units - start : kPiece;
      env->GetStringRegion(string, static_cast<jsize>(start), static_cast<jsize>(count), piece);
      for (size_t i = 0; i < count; ++i) put(piece[i], &high, &out);
    }
    if (high) out += utf8_encode(kReplacement, out);
    *out = 0;
    view_.bytes = static_cast<size_t>(out - reinterpret_cast<const uint8_t *>(view_.data));
    return true;
  }
  const char *data() const { return view_.data; }
  size_t bytes() const { return view_.bytes; }
  // Whether it can be handed to functions that take strings of C: NUL would end it early.
  bool is_c() const {
    for (size_t i = 0; i < view_.bytes; ++i)
      if (!view_.data[i]) return false;
    return true;
  }

 private:
  static constexpr size_t kPiece = 256;
  static void put(uint32_t unit, uint32_t *high, uint8_t **out) {
    const bool low = unit >= 0xdc00 && unit <= 0xdfff;
    if (*high && low) {
      *out += utf8_encode(0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00), *out);
      *high = 0;
      return;
    }
    if (*high) *out += utf8_encode(kReplacement, *out);
    *high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
    if (!*high) *out += utf8_encode(low ? kReplacement : unit, *out);
  }
  Buffer<uint8_t> buffer_;
  View view_;
};

// UTF-16 units that the UTF-8 at `text` takes.
inline uint32_t utf16_units(const char *text, size_t bytes) {
  uint32_t units = 0;
  for (size_t i = 0; i < bytes; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    units += ((byte & 0xc0) != 0x80) + (byte >= 0xf0);
  }
  return units;
}

// A Java string. Bytes that are not UTF-8 become U+FFFD. Null, with an exception pending, when there is no memory.
inline jstring java_string(JNIEnv *env, View text) {
  Buffer<jchar> buffer;
  jchar *units = buffer.room(text.bytes + 1);
  if (!units) return nullptr;
  jsize count = 0;
  for (size_t i = 0; i < text.bytes;) {
    uint32_t code;
    const uint32_t bytes =
        utf8_decode(reinterpret_cast<const uint8_t *>(text.data) + i, text.bytes - i, &code);
    i += bytes ? bytes : 1;
    if (!bytes) code = kReplacement;
    if (code >= 0x10000) {
      units[count++] = static_cast<jchar>(0xd800 + ((code - 0x10000) >> 10));
      code = 0xdc00 + ((code - 0x10000) & 0x3ff);
    }
    units[count++] = static_cast<jchar>(code);
  }
  return env->NewString(units, count);
}

}  // namespace slu
