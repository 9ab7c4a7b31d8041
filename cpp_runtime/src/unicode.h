// What a code point is to the tokenizer: its class and the text that replaces it.
#pragma once

#include "base.h"

namespace slu {

// As in slu/inputs/normalisation.py, in the same order.
enum class CharClass : uint8_t {
  kDropped,    // belongs to no token
  kSpace,      // separates words
  kSingle,     // a word of its own: ideograph, punctuation, symbol
  kDigit,      // ASCII digit
  kOther,      //
  kMark,       // punctuation outside ASCII or a picture: a word of its own where text is not normalised
  kCombining,  // combining mark, dropped where text is not normalised
  // Only where text is normalised:
  kLeading,  // separates words, but the token behind it has it as well
  kTrailing  // the same of the token before it
};

struct Normalised {
  CharClass kind;
  uint8_t bytes;       // of text, 0 unless the class is kSingle, kDigit, kOther or kMark
  uint8_t characters;  // code points in text
  uint8_t text[24];    // UTF-8
};

// `code` is at most U+10FFFF.
void normalise(uint32_t code, Normalised *result);

// The same where text is normalised, by the rules that look at one code point: full-width ASCII is ASCII, radicals are
// ideographs, traditional characters simplified ones, digits of other scripts ASCII digits.
void normalise_speech(uint32_t code, Normalised *result);

}  // namespace slu
