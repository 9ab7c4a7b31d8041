#include "normalisation.h"

#include "utf8.h"

namespace slu {
namespace {

constexpr uint32_t kMostInGroup = 3;  // characters that may separate two groups of a number
constexpr uint32_t kGroup =
    3;  // digits of the groups that a full stop, a comma, a dash or a middle dot separates
constexpr uint32_t kDash = 0x2014, kMiddleDot = 0xb7;
constexpr uint8_t kWhole = 11, kWholeAbroad = 15;  // digits of a number that has no further group

bool is_word(CharClass kind) { return kind == CharClass::kDigit || kind == CharClass::kOther; }

bool is_passed_over(CharClass kind) { return kind == CharClass::kDropped || kind == CharClass::kCombining; }

// A character of ASCII that is no white space, 0 for others.
uint8_t ascii(const Normalised &character) { return character.bytes == 1 ? character.text[0] : 0; }

// Class of the character that follows; with `spaces` passed over, too. kSpace at the end.
CharClass class_after(Ahead ahead, bool spaces) {
  Normalised next;
  while (ahead.next(&next))
    if (!spaces || next.kind != CharClass::kSpace) return next.kind;
  return CharClass::kSpace;
}

// Whether letters and digits, with `digits` these alone, and a ")" follow, behind which *ahead is then.
bool is_bracketed(Ahead *ahead, bool digits) {
  Normalised next;
  for (bool some = false; ahead->next(&next); some = true)
    if (next.kind != CharClass::kDigit && (digits || next.kind != CharClass::kOther))
      return some && ascii(next) == ')';
  return false;
}

// How many characters, that before `ahead` and white spaces and hyphens behind it, are in front of a digit; 0 if another
// character is, or too many of them. With `brackets`, the last one may be the "(" of the next group.
uint32_t gap(Ahead ahead, bool brackets) {
  Normalised next;
  for (uint32_t count = 1; count <= kMostInGroup && ahead.next(&next); ++count) {
    if (next.kind == CharClass::kDigit) return count;
    if (brackets && ascii(next) == '(')
      return count < kMostInGroup && is_bracketed(&ahead, true) && gap(ahead, false) ? count + 1 : 0;
    if (next.kind != CharClass::kSpace && ascii(next) != '-') return 0;
  }
  return 0;
}

bool is_in(uint8_t mark, const char *marks) {
  for (; *marks; ++marks)
    if (static_cast<uint8_t>(*marks) == mark) return true;
  return false;
}

}  // namespace

bool Ahead::next(Normalised *result) {
  while (bytes) {
    uint32_t code;
    const uint32_t length = utf8_decode(text, bytes, &code);
    if (!length) return false;
    text += length;
    bytes -= length;
    normalise_speech(code, result);
    if (!is_passed_over(result->kind)) return true;
  }
  return false;
}

uint32_t Normaliser::separators(uint32_t code, const Normalised &character, Ahead ahead) const {
  const uint8_t mark = ascii(character);
  if (mark == '+')
    return !is_word(last_) && last_ascii_ != '+' && last_ascii_ != '#' &&
           class_after(ahead, false) == CharClass::kDigit;
  if (mark == '(') return is_bracketed(&ahead, true) && gap(ahead, false);
  if (mark == ')') return in_number_ ? gap(ahead, false) : 0;
  if (mark == '.' || mark == ',' || code == kDash || code == kMiddleDot) {
    if (digits_ < kGroup) return 0;
    Normalised next;
    for (uint32_t count = 0; count < kGroup; ++count)
      if (!ahead.next(&next) || next.kind != CharClass::kDigit) return 0;
    return 1;
  }
  return last_ == CharClass::kDigit && (character.kind == CharClass::kSpace || mark == '-') ? gap(ahead, true)
                                                                                            : 0;
}

CharClass Normaliser::class_of_mark(uint8_t mark, Ahead ahead) {
  if (mark == ')' && in_word_) {
    in_word_ = false;
    return CharClass::kTrailing;
  }
  if (mark == '(') {
    const bool after_word = is_word(last_) || (last_ == CharClass::kSpace && is_word(before_last_));
    in_word_ = after_word && is_bracketed(&ahead, false);
    return in_word_ ? CharClass::kLeading : CharClass::kSpace;
  }
  if (is_kept(mark, ahead)) return CharClass::kSingle;
  tagged_ |= mark == '#';
  return CharClass::kSpace;
}

bool Normaliser::is_kept(uint8_t mark, Ahead ahead) const {
  const bool after_word = is_word(last_);
  if (mark == '.')
    return (after_word && is_word(class_after(ahead, true))) ||
           (last_ascii_ >= 'a' && last_ascii_ <= 'z' && !is_word(before_last_));
  if (mark == '+' || mark == '#')
    return (after_word || last_ascii_ == '+' || last_ascii_ == '#') && !(mark == '#' && tagged_);
  if (mark == '&') {
    if (last_ == CharClass::kSpace && before_last_ == CharClass::kSpace) return false;
    const CharClass next = class_after(ahead, true);
    return is_word(next) || next == CharClass::kSingle;
  }
  if (mark == '*') {
    Normalised next;
    return last_ascii_ != '*' && !(ahead.next(&next) && ascii(next) == '*');
  }
  if (mark == '%' && last_ == CharClass::kDigit) return true;
  return is_in(mark, "!$%',-/:;=?@_~") && after_word && is_word(class_after(ahead, false));
}

void Normaliser::read_speech(uint32_t code, Ahead ahead, Normalised *result) {
  normalise_speech(code, result);
  CharClass kind = result->kind;
  if (is_passed_over(kind)) return;
  const uint8_t mark = ascii(*result);
  if (!group_ && !is_word(kind) &&
      (last_ == CharClass::kDigit ? number_ < (abroad_ ? kWholeAbroad : kWhole) : mark == '+' || mark == '('))
    group_ = separators(code, *result, ahead);
  if (group_) {
    --group_;
    in_number_ = mark == '(' || (in_number_ && mark != ')');
    abroad_ |= mark == '+';
    digits_ = 0;
    result->kind = last_ == CharClass::kDigit ? CharClass::kDropped : CharClass::kLeading;
    result->bytes = result->characters = 0;
    return;
  }
  if (kind == CharClass::kMark)
    kind = CharClass::kSpace;
  else if (kind == CharClass::kSingle && mark)
    kind = class_of_mark(mark, ahead);
  result->kind = kind;
  if (!is_word(kind) && kind != CharClass::kSingle) result->bytes = result->characters = 0;
  if (kind != CharClass::kDigit) {
    digits_ = number_ = 0;
    abroad_ = false;
  } else {
    if (digits_ < kGroup) ++digits_;
    if (number_ < kWholeAbroad) ++number_;
    abroad_ |= number_ == 2 && digits_ == 2 && last_ascii_ == '0' && ascii(*result) == '0';
  }
  before_last_ = last_;
  last_ = kind;
  last_ascii_ = mark == '*' ? mark : ascii(*result);
}

}  // namespace slu
