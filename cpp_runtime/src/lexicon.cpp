#include "lexicon.h"

#include <new>

#include "os.h"
#include "utf8.h"

namespace slu {
namespace {

// Honest tables have runs of some hundred places at most; a table that was made to be slow is not searched further.
constexpr uint32_t kMostProbes = 4096;

inline uint32_t slot_of(uint16_t mark) { return mark & static_cast<uint16_t>(~kRemoved); }

// floor(key * capacity / 2^64), in parts, as not every processor has 128 bits.
inline uint32_t home(uint64_t key, uint32_t capacity) {
  const uint64_t low = (key & 0xffffffffu) * capacity >> 32;
  return static_cast<uint32_t>(((key >> 32) * capacity + low) >> 32);
}

inline uint64_t key_at(const PhraseTable &table, uint32_t place) {
  uint64_t key;
  copy_bytes(&key, table.hashes + size_t{place} * sizeof key, sizeof key);
  return key;
}

// log2 of the bits of a filter.
uint32_t filter_bits(uint64_t capacity) {
  uint32_t bits = 6;
  while (uint64_t{1} << bits < 8 * capacity) ++bits;
  return bits;
}

// Calls visit(mark) for the entries of `key` until one of the calls returns true, and returns whether one did. On the
// way to an entry there are none with a greater key, as if they had been put in by ascending keys (Amble and Knuth,
// 1974): so most searches in vain end after two or three places, although the table is three quarters full.
template <class Visit>
inline bool visit_entries(const PhraseTable &table, uint64_t key, Visit visit) {
  if (!table.capacity) return false;
  uint32_t place = home(key, table.capacity);
  for (uint32_t probes = 0; probes < kMostProbes; ++probes) {
    const uint64_t found = key_at(table, place);
    if (found - 1 >= key) return false;  // greater, or a free place
    if (found == key && visit(table.marks[place])) return true;
    if (++place == table.capacity) place = 0;
  }
  return false;
}

// Whether `level` decides about an entry of a slot, so that the levels below it are not asked.
bool decides(const LexiconLevel &level, uint64_t key, uint32_t slot) {
  if (level.replaced && level.replaced[slot]) return true;
  return visit_entries(level.phrases, key, [slot](uint16_t mark) { return slot_of(mark) == slot; });
}

// Reads the entries of a lexicon file, an entry a line; those that normalisation makes empty are skipped.
class EntryReader {
 public:
  EntryReader(View text, Normalisation normalisation) : lines_(text), normalisation_(normalisation) {}
  // The next entry. False at the end and at an error, which *status tells apart.
  bool next(uint64_t *key, uint32_t *length, slu_status *status, Message &message);

 private:
  LineReader lines_;
  const Normalisation normalisation_;
};

bool EntryReader::next(uint64_t *key, uint32_t *length, slu_status *status, Message &message) {
  *status = SLU_OK;
  for (View line; lines_.next(&line);) {
    Phrase phrase(line, normalisation_);
    while (phrase.next()) {
    }
    if (phrase.bad()) {
      message << "line " << lines_.number() << ": not UTF-8";
      *status = SLU_ERROR_INVALID_UTF8;
      return false;
    }
    if (!phrase.length()) continue;
    if (phrase.length() > kMostPhrase) {
      message << "line " << lines_.number() << ": " << phrase.length() << " characters, at most "
              << uint64_t{kMostPhrase} << " fit; shorten it";
      *status = SLU_ERROR_ARGUMENT;
      return false;
    }
    *key = phrase.key();
    *length = static_cast<uint32_t>(phrase.length());
    return true;
  }
  return false;
}

// A level that is being made.
struct NewLevel {
  LexiconLevel *level;
  uint8_t *replaced;  // [slot_count], or null
  uint64_t *hashes;   // [capacity]
  uint16_t *marks;    // [capacity]
  uint64_t *filter;
  uint32_t capacity;

  NewLevel(Arena *arena, uint64_t places, uint32_t replaced_count)
      : level(arena->take<LexiconLevel>(1)),
        replaced(replaced_count ? arena->take<uint8_t>(replaced_count) : nullptr),
        hashes(arena->take<uint64_t>(places)),
        marks(arena->take<uint16_t>(places)),
        filter(arena->take<uint64_t>(filter_words(places))),
        capacity(static_cast<uint32_t>(places)) {}

  // A later mark of the same entry and slot replaces the earlier one. False when too many hashes collide.
  bool put(uint64_t key, uint16_t mark) {
    uint32_t place = home(key, capacity);
    for (uint32_t probes = 0; probes < kMostProbes; ++probes) {
      const uint64_t found = hashes[place];
      const uint16_t found_mark = marks[place];
      const bool same = found == key && slot_of(found_mark) == slot_of(mark);
      if (same || found - 1 >= key) {
        hashes[place] = key;
        marks[place] = mark;
        if (same || !found) return true;
        key = found;  // the greater one goes on to another place
        mark = found_mark;
      }
      if (++place == capacity) place = 0;
    }
    return false;
  }
};

// Looks substrings up, many at a time: where each of them is to be found is fetched while others are computed.
class Matcher {
 public:
  Matcher(const LexiconLevel *const *levels, uint32_t count, uint32_t slot_count, FlagBits flags)
      : levels_(levels), level_count_(count), slot_count_(slot_count), flags_(flags) {}

  // Tokens [first, last], of `length` characters.
  void add(uint64_t key, uint32_t length, uint32_t first, uint32_t last) {
    for (uint32_t i = 0; i < level_count_; ++i) {
      const PhraseTable &table = levels_[i]->phrases;
      if (!(table.lengths >> length & 1) || !table.may_have(key)) continue;
      __builtin_prefetch(table.hashes + size_t{home(key, table.capacity)} * sizeof key);
      waiting_[waiting_count_++] = {key, i, first, last};
      if (waiting_count_ == kMostWaiting) finish();
    }
  }
  // Look up what is waiting. Whether anything was found until now.
  bool finish() {
    for (uint32_t w = 0; w < waiting_count_; ++w) {
      const Substring &substring = waiting_[w];
      visit_entries(levels_[substring.level]->phrases, substring.key, [&](uint16_t mark) {
        if (counts(substring.key, mark, substring.level)) set(mark, substring.first, substring.last);
        return false;
      });
    }
    waiting_count_ = 0;
    return any_;
  }

 private:
  struct Substring {
    uint64_t key;
    uint32_t level, first, last;
  };
  static constexpr uint32_t kMostWaiting = 64;

  // Whether an entry of a level is one: not a removed one, nor one of a damaged file, nor hidden by a higher level.
  bool counts(uint64_t key, uint16_t slot, uint32_t level) const {
    if (slot >= slot_count_) return false;
    for (uint32_t above = 0; above < level; ++above)
      if (decides(*levels_[above], key, slot)) return false;
    return true;
  }
  void set(uint16_t slot, uint32_t first, uint32_t last) {
    const size_t column = size_t{4} * slot;
    any_ = true;
    if (first == last) return flags_.set(first, column + 3);
    flags_.set(first, column);
    for (uint32_t inside = first + 1; inside < last; ++inside) flags_.set(inside, column + 1);
    flags_.set(last, column + 2);
  }

  const LexiconLevel *const *levels_;
  uint32_t level_count_, slot_count_;
  FlagBits flags_;
  bool any_ = false;
  Substring waiting_[kMostWaiting];
  uint32_t waiting_count_ = 0;
};

}  // namespace

size_t filter_words(uint64_t capacity) { return size_t{1} << (filter_bits(capacity) - 6); }

void filter_build(PhraseTable *table, uint64_t *words) {
  const uint32_t shift = 64 - filter_bits(table->capacity);
  for (uint32_t place = 0; place < table->capacity; ++place)
    if (const uint64_t key = key_at(*table, place))
      words[key >> shift >> 6] |= uint64_t{1} << (key >> shift) % 64;
  table->filter = words;
  table->filter_shift = shift;
}

void level_free(LexiconLevel *level) {
  if (level) os_free(level, level->own_bytes);
}

slu_status level_change(const LexiconLevel *old, const LexiconChange &change, uint32_t slot_count,
                        LexiconLevel **result, Message &message) {
  const bool replaces = change.what == SLU_LEXICON_REPLACE, resets = change.what == SLU_LEXICON_RESET;
  const auto stays = [&](uint32_t slot) {
    return !(replaces || resets) || (slot != change.slot && change.slot != kAllSlots);
  };
  // All entries are read before anything is made, so that an error in one of them changes nothing.
  uint64_t entries = 0, key;
  uint32_t length;
  slu_status status = SLU_OK;
  if (!resets)
    for (EntryReader reader(change.entries, change.normalisation);
         reader.next(&key, &length, &status, message);)
      ++entries;
  if (status != SLU_OK) return status;
  const PhraseTable before = old ? old->phrases : PhraseTable();
  for (uint32_t place = 0; place < before.capacity; ++place)
    entries += key_at(before, place) && stays(slot_of(before.marks[place]));
  const auto was_replaced = [&](uint32_t slot) { return old && old->replaced && old->replaced[slot]; };
  bool any_replaced = replaces;
  for (uint32_t slot = 0; slot < slot_count; ++slot) any_replaced |= was_replaced(slot) && stays(slot);

  *result = nullptr;
  if (!entries && !any_replaced) return SLU_OK;
  const uint64_t capacity = entries + entries / 3 + 1;  // at most three quarters full, and never full
  if (capacity > kMostPhrases) {
    message << entries << " entries are too many; at most 805,306,367 fit";
    return SLU_ERROR_MEMORY;
  }
  Arena needed(nullptr);
  const uint32_t replaced_count = any_replaced ? slot_count : 0;
  NewLevel(&needed, capacity, replaced_count);
  void *memory = allocate(needed.used());
  if (!memory) {
    message << "no memory for " << entries << " entries, " << needed.used() << " bytes";
    return SLU_ERROR_MEMORY;
  }
  Arena arena(memory);
  NewLevel made(&arena, capacity, replaced_count);
  bool good = true, kept = false;
  for (uint32_t place = 0; good && place < before.capacity; ++place)
    if (key_at(before, place) && stays(slot_of(before.marks[place]))) {
      good = made.put(key_at(before, place), before.marks[place]);
      kept = true;
    }
  uint64_t lengths = kept ? before.lengths : 0;
  if (!resets) {
    const bool removes = change.what == SLU_LEXICON_REMOVE;
    const auto mark = static_cast<uint16_t>(change.slot | (removes ? kRemoved : 0u));
    EntryReader reader(change.entries, change.normalisation);
    while (good && reader.next(&key, &length, &status, message)) {
      good = made.put(key, mark);
      if (!removes) lengths |= uint64_t{1} << length;
    }
  }
  if (!good) {
    os_free(memory, static_cast<size_t>(needed.used()));
    message
        << "too many of these entries have colliding hashes; this happens only when they were made for it";
    return SLU_ERROR_ARGUMENT;
  }
  for (uint32_t slot = 0; slot < replaced_count; ++slot)
    made.replaced[slot] = (replaces && slot == change.slot) || (was_replaced(slot) && stays(slot));
  auto *level = new (made.level) LexiconLevel();
  level->phrases.hashes = reinterpret_cast<const uint8_t *>(made.hashes);
  level->phrases.marks = made.marks;
  level->phrases.capacity = made.capacity;
  level->phrases.lengths = lengths;
  filter_build(&level->phrases, made.filter);
  level->replaced = made.replaced;
  level->own_bytes = static_cast<size_t>(needed.used());
  *result = level;
  return SLU_OK;
}

const uint64_t *FlagBits::read(const float *values, size_t tokens, size_t columns) const {
  clear(tokens);
  for (size_t token = 0; token < tokens; ++token)
    for (size_t column = 0; column < columns; ++column, ++values) {
      if (!(*values >= 0 && *values <= 0) && !(*values >= 1 && *values <= 1)) return nullptr;
      if (*values > 0) set(token, column);
    }
  return bits;
}

void FlagBits::write(float *values, size_t tokens, size_t columns) const {
  for (size_t i = 0; i < tokens * columns; ++i) values[i] = 0;
  for (size_t token = 0; token < tokens; ++token)
    for (size_t word = 0; word < words; ++word)
      for (uint64_t rest = bits[token * words + word]; rest; rest &= rest - 1)
        values[token * columns + word * 64 + static_cast<size_t>(__builtin_ctzll(rest))] = 1;
}

bool lexicon_match(const LexiconLevel *const *levels, uint32_t count, uint32_t slot_count,
                   const Tokens &tokens, FlagBits flags) {
  uint64_t lengths = 0;
  for (uint32_t i = 0; i < count; ++i) lengths |= levels[i]->phrases.lengths;
  if (!lengths) return false;
  const auto longest = static_cast<uint32_t>(63 - __builtin_clzll(lengths));
  Matcher matcher(levels, count, slot_count, flags);
  for (uint32_t first = 1; first + 1 < tokens.count; ++first) {
    uint64_t hash = kPhraseStart;
    const uint32_t begin = tokens.character_ends[first - 1];
    uint32_t at = begin;
    for (uint32_t last = first; last + 1 < tokens.count; ++last) {
      for (; at < tokens.character_ends[last]; ++at) hash = hash_code(hash, tokens.characters[at]);
      const uint32_t length = at - begin;
      if (length > longest) break;
      if (lengths >> length & 1) matcher.add(key_of(hash), length, first, last);
    }
  }
  return matcher.finish();
}

// Largest table of a file that gets a filter. To make the filter, the whole table is read before the first text: 0.1 ms
// for 13,788 places.
constexpr uint32_t kMostFiltered = 1u << 16;

slu_status lexicon_read(const Gguf &gguf, slu_info *info, Arena *arena, PhraseTable *table,
                        Message &message) {
  TensorType type;
  if (!info->uses_lexicon || !gguf.tensor_type("lexicon.hashes", &type)) return SLU_OK;
  uint64_t capacity = 0;
  gguf.tensor_length("lexicon.hashes", &capacity);
  const uint64_t one = 1, slots = info->slot_count;
  table->hashes = gguf.tensor("lexicon.hashes", TensorType::kInt64, &capacity, 1);
  table->marks =
      reinterpret_cast<const uint16_t *>(gguf.tensor("lexicon.slots", TensorType::kInt16, &capacity, 1));
  const uint8_t *lengths = gguf.tensor("lexicon.lengths", TensorType::kInt64, &one, 1);
  const uint8_t *counts = gguf.tensor("lexicon.counts", TensorType::kInt32, &slots, 1);
  if (!table->hashes || !table->marks || !lengths || !counts) {
    message << "missing or of wrong shape or type: a tensor of lexicon; export the model again";
    return SLU_ERROR_FORMAT;
  }
  copy_bytes(&table->lengths, lengths, sizeof table->lengths);
  uint64_t total = 0;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    uint32_t count;
    copy_bytes(&count, counts + slot * sizeof count, sizeof count);
    total += count;
  }
  if (capacity < 1 || capacity > kMostPhrases || total > capacity || table->lengths & 1 ||
      table->lengths >> kMostPhrase > 1) {
    message << "wrong numbers in lexicon; export the model again";
    return SLU_ERROR_FORMAT;
  }
  table->capacity = static_cast<uint32_t>(capacity);
  info->lexicon_entries = static_cast<uint32_t>(total);
  if (capacity > kMostFiltered) return SLU_OK;
  uint64_t *filter = arena->take<uint64_t>(filter_words(capacity));
  if (filter) filter_build(table, filter);
  return SLU_OK;
}

}  // namespace slu
