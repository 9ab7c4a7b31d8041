// ERNIE's WordPiece, equal to slu/inputs/tokenizer.py. One pass over the text, whatever its length.
#pragma once

#include "base.h"
#include "phrases.h"
#include "vocabulary.h"

namespace slu {

constexpr uint32_t kMostWordCharacters = 100;  // a longer word is one [UNK]

// Tokens of one text, [CLS] and [SEP] included; all arrays hold max_tokens.
struct Tokens {
  int32_t *ids;
  uint32_t *starts, *ends;            // code points
  uint32_t *byte_starts, *byte_ends;  // bytes of the text
  // For the look-up in lexicons: normalised code points of all tokens, and where those of each token end. Of each token
  // at most kMostPhrase + 1 are kept. Null if the model has no lexicon.
  uint32_t *characters, *character_ends;
  uint32_t count;
  bool truncated;
};

class Tokenizer {
 public:
  // `pairs`: the first tab of a text separates two texts, and is a [SEP]. `windows`: of the first one, the question, half
  // of the tokens are read at most, and what is left of the second one, the passage, is in windows that follow.
  Tokenizer(const Vocabulary &vocabulary, uint32_t max_tokens, Normalisation normalisation,
            bool pairs = false, bool windows = false);
  // False when `text` is not UTF-8; *bad is then the offset of the first wrong byte. `skip`: tokens of the passage to
  // leave out.
  bool run(View text, Tokens *tokens, size_t *bad, uint32_t skip = 0);
  // Whether the passage goes on behind the window that was read last.
  bool more() const { return more_; }

 private:
  // Where one character of the text begins and ends, and where its normalised text ends in bytes_.
  struct Position {
    uint32_t start, end;
    uint32_t byte_start, byte_end;
    uint32_t end_in_word;
  };

  // The tokens of bytes [from, to) of a text, which is a text of its own; *code_points are those before and after it.
  bool read(View text, size_t from, size_t to, uint32_t *code_points, Tokens *tokens, size_t *bad);
  void add_character(const Normalised &character, Position position);
  // A combining mark, or what else the token before it has, at code point `at` of the text ends at `byte_end`.
  void add_combining(uint32_t at, uint32_t byte_end, Tokens *tokens);
  void finish_word(Tokens *tokens);
  // The token's normalised text is bytes_[begin, end).
  void add_token(int32_t id, const Position &first, const Position &last, uint32_t begin, uint32_t end,
                 Tokens *tokens);

  const Vocabulary &vocabulary_;
  const uint32_t max_tokens_;
  const Normalisation normalisation_;
  const bool pairs_, windows_;
  int32_t cls_, sep_, unknown_;

  // The word that is being read. A character has at least one normalised code point, so this is room enough.
  Position positions_[kMostWordCharacters];
  uint8_t bytes_[kMostWordCharacters * 4];
  uint32_t count_ = 0;       // characters of the text
  uint32_t characters_ = 0;  // normalised code points; past the limit only this and last_ go on
  Position last_{};

  uint32_t limit_ = 0;  // most tokens before the last [SEP], or of [CLS] and the question
  uint32_t first_ = 0;  // tokens before those of the text that is being read
  uint32_t skip_ = 0;   // tokens that are left out before the next one
  bool more_ = false;
};

}  // namespace slu
