#include "unicode.h"

#include "utf8.h"

namespace slu {
namespace {

#include "unicode_tables.inc"

// Hangul syllables decompose by arithmetic: The Unicode Standard, 3.12.
constexpr uint32_t kHangul = 0xac00, kHangulCount = 11172, kVowels = 21, kTrails = 28;
constexpr uint32_t kLeadBase = 0x1100, kVowelBase = 0x1161, kTrailBase = 0x11a7;
constexpr uint32_t kMapped = 8;
constexpr uint64_t kMappedBits = 0x8888888888888888;
constexpr uint32_t kClassesPerWord = 16, kWordsPerBlock = kBlockSize / kClassesPerWord;

uint32_t count_bits(uint64_t word) {
  word -= word >> 1 & 0x5555555555555555;
  word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<uint32_t>(word * 0x0101010101010101 >> 56);
}

uint32_t block_of(uint32_t code) {
  const uint32_t block = code / kBlockSize, group = block / kGroupSize;
  return group < kGroupCount ? kBlockOf[kGroupOf[group] * kGroupSize + block % kGroupSize] : kLastBlock;
}

uint32_t class_of(uint32_t code) {
  const uint64_t word = kClasses[block_of(code) * kWordsPerBlock + code % kBlockSize / kClassesPerWord];
  return word >> code % kClassesPerWord * 4 & 15;
}

// The 16 bits that are kept of the replacement of a code point that is mapped.
uint32_t replacement_of(uint32_t code) {
  const uint32_t block = block_of(code);
  const uint64_t *word = kClasses + block * kWordsPerBlock;
  uint32_t at = kReplacedBefore[block], left = code % kBlockSize;
  for (; left >= kClassesPerWord; left -= kClassesPerWord) at += count_bits(*word++ & kMappedBits);
  at += count_bits(*word & kMappedBits & ((uint64_t{1} << left * 4) - 1));
  return uint32_t{kReplacementHigh[at]} << 8 | kReplacementLow[at];
}

bool is_in_texts(uint32_t replacement) { return replacement >> 11 == kInTexts >> 11; }

void append(uint32_t code, Normalised *result) {
  result->bytes = static_cast<uint8_t>(result->bytes + utf8_encode(code, result->text + result->bytes));
  ++result->characters;
}

void append_replacement(uint32_t code, Normalised *result) {
  const uint32_t stored = replacement_of(code);
  if (!is_in_texts(stored)) return append((code & 0x10000) | stored, result);
  for (const uint8_t *text = kTexts + (stored - kInTexts); *text; ++text) {
    result->text[result->bytes++] = *text;
    if ((*text & 0xc0) != 0x80) ++result->characters;
  }
}

uint32_t simplified(uint32_t code) {
  const uint32_t place = code - kFirstIdeograph, last = place / 64;
  if (place >= kIdeographCount) return code;
  const uint64_t bit = uint64_t{1} << place % 64;
  if (!(kTraditional[last] & bit)) return code;
  uint32_t word = last / kWordsPerCount, at = kTraditionalBefore[word];
  for (word *= kWordsPerCount; word < last; ++word) at += count_bits(kTraditional[word]);
  at += count_bits(kTraditional[last] & (bit - 1));
  return (code + (uint32_t{kSimplifiedHigh[at]} << 8 | kSimplifiedLow[at])) & 0xffff;
}

// What is read in place of a code point where text is normalised, but for digits.
uint32_t folded(uint32_t code) {
  if (code < 0x2010 || code > 0xffff) return code;
  if (code >= 0xff01) return code <= 0xff5e ? code - 0xfee0 : code;
  if (code < kFirstIdeograph) {
    if (code == 0x2018 || code == 0x2019) return '\'';
    if (code - kFirstRadical < sizeof kRadicals / sizeof *kRadicals) return kRadicals[code - kFirstRadical];
    if (code == kMother) return kMotherIdeograph;
    if (code == kTurtle) return kTurtleIdeograph;
    return code <= 0x2013 || code == 0x2212 ? '-' : code;
  }
  if (code - kFirstCompatibility < kCompatibilityCount && class_of(code) & kMapped) {
    const uint32_t ideograph = replacement_of(code);
    if (!is_in_texts(ideograph)) code = ideograph;
  }
  return simplified(code);
}

// The ASCII digit for a decimal digit of another script or one in a circle, 0 for other characters.
uint32_t digit_of(uint32_t code) {
  if (code == 0x24ea) return '0';
  if (code - 0x2460 < 9) return '1' + (code - 0x2460);
  for (const uint32_t half : kHalvesOfZeros)
    if (code - 2 * half < 10) return '0' + (code - 2 * half);
  return 0;
}

// Marks that enclose the character before them, as that of keycaps does, among what is no other combining mark.
bool encloses(uint32_t code) {
  return code - 0x20dd < 8 || code - 0x488 < 2 || code == 0x1abe || code - 0xa670 < 3;
}

}  // namespace

void normalise(uint32_t code, Normalised *result) {
  const uint32_t stored = class_of(code);
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

void normalise_speech(uint32_t code, Normalised *result) {
  normalise(folded(code), result);
  if (result->kind != CharClass::kOther || code < 0x488) return;
  const uint32_t digit = digit_of(code);
  if (digit) {
    result->kind = CharClass::kDigit;
    result->bytes = result->characters = 1;
    result->text[0] = static_cast<uint8_t>(digit);
  } else if (encloses(code)) {
    result->kind = CharClass::kCombining;
    result->bytes = result->characters = 0;
  }
}

}  // namespace slu
