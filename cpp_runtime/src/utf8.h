// UTF-8 as in Unicode, table 3-7: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include "base.h"

namespace slu {

// Decode one code point at `text` of `left` (at least 1) bytes. Returns its length in bytes, 0 when it is not UTF-8.
inline uint32_t utf8_decode(const uint8_t *text, size_t left, uint32_t *code) {
  const uint32_t a = text[0];
  if (a < 0x80) {
    *code = a;
    return 1;
  }
  const auto tail = [&](size_t i) { return left > i && (text[i] & 0xc0) == 0x80; };
  if (a >= 0xc2 && a < 0xe0 && tail(1)) {
    *code = (a & 0x1f) << 6 | (text[1] & 0x3fu);
    return 2;
  }
  if (a >= 0xe0 && a < 0xf0 && tail(1) && tail(2)) {
    *code = (a & 0x0f) << 12 | (text[1] & 0x3fu) << 6 | (text[2] & 0x3fu);
    return *code >= 0x800 && (*code < 0xd800 || *code > 0xdfff) ? 3 : 0;
  }
  if (a >= 0xf0 && a < 0xf5 && tail(1) && tail(2) && tail(3)) {
    *code = (a & 0x07) << 18 | (text[1] & 0x3fu) << 12 | (text[2] & 0x3fu) << 6 | (text[3] & 0x3fu);
    return *code >= 0x10000 && *code <= 0x10ffff ? 4 : 0;
  }
  return 0;
}

// Encode `code` at `text`; returns the number of bytes.
inline uint32_t utf8_encode(uint32_t code, uint8_t *text) {
  if (code < 0x80) {
    text[0] = static_cast<uint8_t>(code);
    return 1;
  }
  const uint32_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  text[0] = static_cast<uint8_t>(kLead[more] | code >> (6 * more));
  for (uint32_t i = 1; i <= more; ++i)
    text[i] = static_cast<uint8_t>(0x80 | (code >> (6 * (more - i)) & 0x3f));
  return more + 1;
}

// Whether `text` is UTF-8; if not, `bad` is the first byte that is not.
inline bool utf8_check(View text, size_t *bad) {
  const auto *data = reinterpret_cast<const uint8_t *>(text.data);
  size_t i = 0;
  while (i < text.bytes) {
    uint32_t code;
    const uint32_t bytes = utf8_decode(data + i, text.bytes - i, &code);
    if (!bytes) {
      *bad = i;
      return false;
    }
    i += bytes;
  }
  return true;
}

// Whether `text` can be the name of something: UTF-8 without control characters (C0, DEL and C1).
inline bool is_name(View text) {
  const auto *data = reinterpret_cast<const uint8_t *>(text.data);
  for (size_t i = 0; i < text.bytes; ++i)
    if (data[i] < 0x20 || data[i] == 0x7f || (data[i] < 0xa0 && i && data[i - 1] == 0xc2)) return false;
  size_t bad;
  return utf8_check(text, &bad);
}

}  // namespace slu
