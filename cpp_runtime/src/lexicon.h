// Lexicons: the entries of each slot, such as names of contacts, and their matches in a text; the same as
// slu/inputs/lexicon.py.
//
// There are three levels: the lexicons in the model file, the changes for all contexts of the model, the changes for one
// context. For each slot and entry the highest level that says something about it decides. A level is never modified
// while it is in use: a change makes a new one.
#pragma once

#include "gguf.h"
#include "phrases.h"
#include "shared_level.h"
#include "tokenizer.h"

namespace slu {

inline constexpr uint64_t kAnyKey[1] = {
    ~uint64_t{0}};  // the filter of a table without one: one word, all bits set

// A set of (hash of an entry, slot) by open addressing: 10 bytes a place; the entry itself is not stored.
struct PhraseTable {
  const uint8_t *hashes = nullptr;  // [capacity] of 64 bits, 0 where the place is free; aligned to 4
  const uint16_t *marks = nullptr;  // [capacity] slots; in levels above the file's with kRemoved
  uint32_t capacity = 0;
  uint64_t lengths = 0;  // bit n: there are entries of n code points
  // Bloom filter with one hash function (Bloom, 1970): bit key >> filter_shift is set for every key of the table. Most
  // substrings of a text are rejected there, by a branch that processors predict well, unlike those of a search.
  const uint64_t *filter = kAnyKey;
  uint32_t filter_shift = 58;

  bool may_have(uint64_t key) const {
    const uint64_t bit = key >> filter_shift;
    return filter[bit / 64] >> bit % 64 & 1;
  }
};
// The lexicons of a model's file, if it has any; their entries are not checked here, as lexicon_match does no harm with
// damaged ones. Twice, as all that `arena` is for: once it only counts.
slu_status lexicon_read(const Gguf &gguf, slu_info *info, Arena *arena, PhraseTable *table, Message &message);
// 64-bit words of a table's filter: 1 to 2 bytes a place, at least one word.
size_t filter_words(uint64_t capacity);
// `words`: [filter_words(table->capacity)] zeros, which stay as long as the table.
void filter_build(PhraseTable *table, uint64_t *words);
constexpr uint16_t kRemoved = 0x8000;
constexpr uint32_t kMostPhrases = 1u << 30;  // places of a table

// The entries of one level.
struct LexiconLevel {
  PhraseTable phrases;
  const uint8_t *replaced = nullptr;  // [slot_count] 1 where the levels below do not count; null: nowhere
  uint32_t references = 1;            // of the level of a model; under the lock of SharedLevel
  size_t own_bytes = 0;               // of this allocation
};
void level_free(LexiconLevel *level);  // null is allowed

struct LexiconChange {
  slu_lexicon_change what;
  uint32_t slot;  // kAllSlots for a reset
  View entries;   // one a line
  Normalisation normalisation;
};
constexpr uint32_t kAllSlots = UINT32_MAX;

// *result = `old` with the change, null if that leaves nothing in it. `old` is not modified; on failure *result is not set.
slu_status level_change(const LexiconLevel *old, const LexiconChange &change, uint32_t slot_count,
                        LexiconLevel **result, Message &message);

// Bits [tokens][words]: flags of the tokens, column c of a token is bit c % 64 of its word c / 64.
struct FlagBits {
  uint64_t *bits;
  size_t words;
  void set(size_t token, size_t column) const {
    bits[token * words + column / 64] |= uint64_t{1} << column % 64;
  }
  void clear(size_t tokens) const {
    for (size_t i = 0; i < tokens * words; ++i) bits[i] = 0;
  }
  // From and to floats [tokens][columns]. read: null when one of them is neither 0 nor 1.
  const uint64_t *read(const float *values, size_t tokens, size_t columns) const;
  void write(float *values, size_t tokens, size_t columns) const;
};

// Set the flags of every match: columns 4 * slot + 0 for its first token, 1 for those inside, 2 for the last one, 3 for
// the only one. `levels`: [count], the highest first. Returns whether there was a match.
bool lexicon_match(const LexiconLevel *const *levels, uint32_t count, uint32_t slot_count,
                   const Tokens &tokens, FlagBits flags);

}  // namespace slu
