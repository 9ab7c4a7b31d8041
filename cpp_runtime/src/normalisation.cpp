#include "normalisation.h"

#include "utf8.h"

namespace slu {
namespace {

constexpr uint32_t kMostInGroup = 3;  // characters that may separate two groups of a number

bool is_word(CharClass kind) { return kind == CharClass::kDigit || kind == CharClass::kOther; }

bool is_passed_over(CharClass kind) { return kind == CharClass::kDropped || kind == CharClass::kCombining; }

// The next character of `rest` that is not passed over, by the rules that look at one code point; false at its end and
// at what is not UTF-8, which the tokenizer will find.
bool next_character(const uint8_t **rest, size_t *left, Normalised *result) {
  while (*left) {
    uint32_t code;
    const uint32_t bytes = utf8_decode(*rest, *left, &code);
    if (!bytes) return false;
    *rest += bytes;
    *left -= bytes;
    normalise(folded(code), result);
    if (!is_passed_over(result->kind)) return true;
  }
  return false;
}

bool is_hyphen(const Normalised &character) { return character.bytes == 1 && character.text[0] == '-'; }

// How many characters, that before `rest` and those of its beginning, stand between two digits and only separate them.
uint32_t group_of(const uint8_t *rest, size_t left) {
  Normalised next;
  for (uint32_t count = 1; count <= kMostInGroup; ++count) {
    if (!next_character(&rest, &left, &next)) return 0;
    if (next.kind == CharClass::kDigit) return count;
    if (next.kind != CharClass::kSpace && !is_hyphen(next)) return 0;
  }
  return 0;
}

// Class of the character that follows; with `spaces` passed over, too. kSpace at the end.
CharClass class_after(const uint8_t *rest, size_t left, bool spaces) {
  Normalised next;
  while (next_character(&rest, &left, &next))
    if (!spaces || next.kind != CharClass::kSpace) return next.kind;
  return CharClass::kSpace;
}

bool is_in(uint8_t mark, const char *marks) {
  for (; *marks; ++marks)
    if (static_cast<uint8_t>(*marks) == mark) return true;
  return false;
}

}  // namespace

bool Normaliser::is_kept(uint8_t mark, const uint8_t *rest, size_t left) {
  if (is_in(mark, "#$%&*+=@")) return true;
  const bool after_word = is_word(last_);
  if (mark == '.')
    return (after_word && is_word(class_after(rest, left, true))) || (letter_ && !is_word(before_last_));
  if (mark == ')') {
    const bool kept = in_brackets_ && after_word;
    in_brackets_ = false;
    return kept;
  }
  if (mark != '(' && !is_in(mark, "!',-/:;?_~")) return false;
  const bool kept = after_word && is_word(class_after(rest, left, false));
  if (mark == '(') in_brackets_ = kept;
  return kept;
}

void Normaliser::read_speech(uint32_t code, const uint8_t *rest, size_t left, Normalised *result) {
  normalise(folded(code), result);
  CharClass kind = result->kind;
  if (is_passed_over(kind)) return;
  if (kind == CharClass::kSpace || is_hyphen(*result)) {
    if (!group_ && last_ == CharClass::kDigit) group_ = group_of(rest, left);
    if (group_) {
      --group_;
      result->kind = CharClass::kDropped;
      result->bytes = result->characters = 0;
      return;
    }
  }
  if (kind == CharClass::kMark ||
      (kind == CharClass::kSingle && result->bytes == 1 && !is_kept(result->text[0], rest, left))) {
    kind = result->kind = CharClass::kSpace;
    result->bytes = result->characters = 0;
  }
  if (kind == CharClass::kSpace) in_brackets_ = false;
  before_last_ = last_;
  last_ = kind;
  letter_ = kind == CharClass::kOther && result->bytes == 1;
}

}  // namespace slu
