#include "base.h"
#include "utf8.h"

namespace slu {
namespace {

// Whether a terminal would take it for a command, or show what is around it in another order: control characters, and
// those of Unicode's bidirectional algorithm and line breaks.
bool is_control(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
         (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

Message &Message::operator<<(View text) {
  if (!error_) return *this;
  const auto *data = reinterpret_cast<const uint8_t *>(text.data);
  // Names in a hostile file may hold anything; a message stays one line of UTF-8, and no character of it is cut.
  for (size_t i = 0; i < text.bytes;) {
    uint32_t code;
    const uint32_t bytes = utf8_decode(data + i, text.bytes - i, &code);
    const bool shown = bytes && !is_control(code);
    const size_t size = shown ? bytes : 1;
    if (used_ + size >= sizeof error_->message) break;
    copy_bytes(error_->message + used_, shown ? text.data + i : "?", size);
    used_ += size;
    i += bytes ? bytes : 1;
  }
  error_->message[used_] = 0;
  return *this;
}

Message &Message::operator<<(uint64_t number) {
  char digits[20];
  size_t first = sizeof digits;
  do digits[--first] = static_cast<char>('0' + number % 10);
  while (number /= 10);
  return *this << View(digits + first, sizeof digits - first);
}

}  // namespace slu
