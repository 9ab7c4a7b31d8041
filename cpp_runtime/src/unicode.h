// What the tokenizer does with a code point: its class and the text that replaces it.
#pragma once

#include "base.h"

namespace slu {

// As in slu/inputs/tokenizer.py, in the same order.
enum class CharClass : uint8_t {
  kDropped,  // belongs to no token
  kSpace,    // separates words
  kSingle,   // a word of its own: ideograph, punctuation, symbol
  kDigit,    // ASCII digit
  kOther
};

struct Normalised {
  CharClass kind;
  uint8_t bytes;       // of text, 0 when the class is kDropped or kSpace
  uint8_t characters;  // code points in text
  uint8_t text[24];    // UTF-8
};

// `code` is at most U+10FFFF.
void normalise(uint32_t code, Normalised *result);

}  // namespace slu
