#include "brackets.h"

#include "utf8.h"

namespace slu {
namespace {

constexpr uint32_t kMost = 8;  // halves without a partner; a slot with more stays as it is

// The partner of a bracket, 0 for other characters.
uint32_t partner(uint32_t code, bool *opens) {
  static constexpr uint16_t kPairs[][2] = {
      {'(', ')'},       {0xff08, 0xff09}, {'[', ']'},       {0xff3b, 0xff3d}, {'{', '}'},
      {0xff5b, 0xff5d}, {0x300a, 0x300b}, {0x3008, 0x3009}, {0x300c, 0x300d}, {0x300e, 0x300f},
      {0x3010, 0x3011}, {0x3016, 0x3017}, {0x3014, 0x3015}, {0x201c, 0x201d},
  };
  if (code > 0x3016 + 1 && code < 0xff08) return 0;  // ideographs and most else
  for (const auto &pair : kPairs)
    for (uint32_t half = 0; half < 2; ++half)
      if (code == pair[half]) {
        *opens = !half;
        return pair[!half];
      }
  return 0;
}

}  // namespace

void take_in_partners(View text, slu_slot *slot) {
  const auto *data = reinterpret_cast<const uint8_t *>(text.data);
  uint32_t wanted_behind[kMost], wanted_before[kMost], behind = 0, before = 0;
  uint32_t code = 0;
  bool opens = false;
  for (size_t at = slot->byte_start; at < slot->byte_end;) {
    const uint32_t bytes = utf8_decode(data + at, slot->byte_end - at, &code);
    if (!bytes) return;  // cannot be: it has been read as UTF-8
    at += bytes;
    const uint32_t other = partner(code, &opens);
    if (!other) continue;
    if (!opens && behind) {
      if (wanted_behind[--behind] != code) return;
      continue;
    }
    if (behind + before == kMost) return;
    (opens ? wanted_behind[behind++] : wanted_before[before++]) = other;
  }
  while (behind && slot->byte_end < text.bytes) {
    const uint32_t bytes = utf8_decode(data + slot->byte_end, text.bytes - slot->byte_end, &code);
    if (code != wanted_behind[--behind]) break;
    slot->byte_end += bytes;
    ++slot->end;
  }
  for (uint32_t i = 0; i < before && slot->byte_start; ++i) {
    uint32_t at = slot->byte_start - 1;
    while (at && (data[at] & 0xc0) == 0x80) --at;
    utf8_decode(data + at, slot->byte_start - at, &code);
    if (code != wanted_before[i]) break;
    slot->byte_start = at;
    --slot->start;
  }
}

}  // namespace slu
