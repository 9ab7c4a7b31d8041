// What stands in a text for the tokenizer, equal to slu/inputs/normalisation.py, where the rules are described.
#pragma once

#include "unicode.h"

namespace slu {

// By the name that a model file has for it.
enum class Normalisation : uint8_t { kPlain, kSpeech };

// Reads a text a code point at a time, from its beginning. Of each code point, what follows it in the text is looked at
// as far as needed: in the whole text that is linear.
class Normaliser {
 public:
  explicit Normaliser(Normalisation normalisation) : speech_(normalisation == Normalisation::kSpeech) {}
  bool speech() const { return speech_; }
  // `code` is followed by `rest`, [left] bytes. Plain text has neither kMark nor kCombining, the other kind no kMark.
  void read(uint32_t code, const uint8_t *rest, size_t left, Normalised *result) {
    if (speech_) return read_speech(code, rest, left, result);
    normalise(code, result);
    if (result->kind == CharClass::kMark) result->kind = CharClass::kSingle;
    if (result->kind == CharClass::kCombining) result->kind = CharClass::kDropped;
  }

 private:
  void read_speech(uint32_t code, const uint8_t *rest, size_t left, Normalised *result);
  // Whether a mark of ASCII is in a token.
  bool is_kept(uint8_t mark, const uint8_t *rest, size_t left);

  const bool speech_;
  CharClass last_ = CharClass::kSpace;         // of the character before, without those that are dropped
  CharClass before_last_ = CharClass::kSpace;  // of the one before that
  bool letter_ = false;                        // the character before is a letter of ASCII
  bool in_brackets_ = false;
  uint32_t group_ = 0;  // characters between groups of a number that are still to be dropped
};

}  // namespace slu
