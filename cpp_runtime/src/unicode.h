// What a code point is to the tokenizer: its class and the text that replaces it.
#pragma once

#include "base.h"

namespace slu {

// As in slu/inputs/normalisation.py, in the same order.
enum class CharClass : uint8_t {
  kDropped,   // belongs to no token
  kSpace,     // separates words
  kSingle,    // a word of its own: ideograph, punctuation, symbol
  kDigit,     // ASCII digit
  kOther,     //
  kMark,      // punctuation outside ASCII or a picture: a word of its own where text is not normalised
  kCombining  // combining mark, dropped where text is not normalised
};

struct Normalised {
  CharClass kind;
  uint8_t bytes;       // of text, 0 when the class is kDropped, kSpace or kCombining
  uint8_t characters;  // code points in text
  uint8_t text[24];    // UTF-8
};

// `code` is at most U+10FFFF.
void normalise(uint32_t code, Normalised *result);

// What is read in place of a code point where text is normalised: full-width ASCII as ASCII, traditional characters as
// simplified ones.
uint32_t folded(uint32_t code);

}  // namespace slu
