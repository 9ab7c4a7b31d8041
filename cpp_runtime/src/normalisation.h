// What stands in a text for the tokenizer, equal to slu/inputs/normalisation.py, where the rules are described.
#pragma once

#include "unicode.h"

namespace slu {

// By the name that a model file has for it.
enum class Normalisation : uint8_t { kPlain, kSpeech };

// The part of a text that is still to be read.
struct Ahead {
  const uint8_t *text;
  size_t bytes;
  // The next character that is not passed over, by the rules that look at one code point; false at the end and at what
  // is not UTF-8, which the tokenizer will find.
  bool next(Normalised *result);
};

// Reads a text a code point at a time, from its beginning. Of each code point, what follows it in the text is looked at
// as far as needed: in the whole text that is linear.
class Normaliser {
 public:
  explicit Normaliser(Normalisation normalisation) : speech_(normalisation == Normalisation::kSpeech) {}
  bool speech() const { return speech_; }
  // `code` is followed by `rest`, [left] bytes. Normalised text has no kMark; plain text has neither that nor kCombining,
  // kLeading and kTrailing.
  void read(uint32_t code, const uint8_t *rest, size_t left, Normalised *result) {
    if (speech_) return read_speech(code, {rest, left}, result);
    normalise(code, result);
    if (result->kind == CharClass::kMark) result->kind = CharClass::kSingle;
    if (result->kind == CharClass::kCombining) result->kind = CharClass::kDropped;
  }

 private:
  void read_speech(uint32_t code, Ahead ahead, Normalised *result);
  // How many characters, this one first, stand between two groups of a number or before its first one.
  uint32_t separators(uint32_t code, const Normalised &character, Ahead ahead) const;
  // The class of a mark of ASCII: kSingle if it is in a token.
  CharClass class_of_mark(uint8_t mark, Ahead ahead);
  bool is_kept(uint8_t mark, Ahead ahead) const;

  const bool speech_;
  CharClass last_ = CharClass::kSpace;         // of the character before, without those that are dropped
  CharClass before_last_ = CharClass::kSpace;  // of the one before that
  uint8_t last_ascii_ = 0;  // the character before, if it is one of ASCII and in a token, or a "*"
  uint8_t digits_ = 0;      // that stand right before, at most kGroup
  uint8_t number_ = 0;      // those of the number that ends there, at most kWholeAbroad
  bool abroad_ = false;     // that number begins with "+" or "00"
  bool in_number_ = false;  // behind the "(" of a group of a number
  bool in_word_ = false;    // behind that around a word
  bool tagged_ = false;     // a "#" was a separator
  uint32_t group_ = 0;      // characters between groups of a number that are still to be dropped
};

}  // namespace slu
