#include "unicode.h"

#include "utf8.h"

namespace slu {
namespace {

#include "unicode_tables.inc"

// Hangul syllables decompose by arithmetic: The Unicode Standard, 3.12.
constexpr uint32_t kHangul = 0xac00, kHangulCount = 11172, kVowels = 21, kTrails = 28;
constexpr uint32_t kLeadBase = 0x1100, kVowelBase = 0x1161, kTrailBase = 0x11a7;
constexpr uint8_t kMapped = 8;

uint8_t class_of(uint32_t code) {
  const uint32_t index = code / kBlockSize;
  const uint32_t block = index < kBlockCount ? kBlockOf[index] : kLastBlock;
  const uint32_t at = block * kBlockSize + code % kBlockSize;
  return kClasses[at / 2] >> (at % 2 * 4) & 15;
}

void append(uint32_t code, Normalised *result) {
  result->bytes = static_cast<uint8_t>(result->bytes + utf8_encode(code, result->text + result->bytes));
  ++result->characters;
}

void append_replacement(uint32_t code, Normalised *result) {
  uint32_t low = kPlane[code >> 16], high = kPlane[(code >> 16) + 1];
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (kReplaced[middle] <= (code & 0xffff))
      low = middle;
    else
      high = middle;
  }
  const uint8_t *text = kTexts + kTextBegin[low];
  for (uint32_t i = 0; i < kTextLength[low]; ++i) {
    result->text[result->bytes++] = text[i];
    if ((text[i] & 0xc0) != 0x80) ++result->characters;
  }
}

}  // namespace

void normalise(uint32_t code, Normalised *result) {
  const uint8_t stored = class_of(code);
  result->kind = static_cast<CharClass>(stored & 7);
  result->bytes = result->characters = 0;
  if (result->kind <= CharClass::kSpace || result->kind == CharClass::kCombining) return;
  if (stored & kMapped) {
    append_replacement(code, result);
  } else if (code - kHangul < kHangulCount) {
    const uint32_t syllable = code - kHangul, trail = syllable % kTrails;
    append(kLeadBase + syllable / (kVowels * kTrails), result);
    append(kVowelBase + syllable % (kVowels * kTrails) / kTrails, result);
    if (trail) append(kTrailBase + trail, result);
  } else {
    append(code, result);
  }
}

uint32_t folded(uint32_t code) {
  if (code < 0x2010 || code > 0xffff) return code;
  if (code >= 0xff01) return code <= 0xff5e ? code - 0xfee0 : code;
  if (code < kFirstTraditional) {
    if (code == 0x2018 || code == 0x2019) return '\'';
    return code <= 0x2013 || code == 0x2212 ? '-' : code;
  }
  const uint32_t page = (code - kFirstTraditional) / kPageSize;
  uint32_t low = kTraditionalPage[page], high = kTraditionalPage[page + 1];
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (kTraditional[middle] < code)
      low = middle + 1;
    else
      high = middle;
  }
  return low < kTraditionalCount && kTraditional[low] == code ? kSimplified[low] : code;
}

}  // namespace slu
