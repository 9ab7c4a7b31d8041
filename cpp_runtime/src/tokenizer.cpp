#include "tokenizer.h"

#include "utf8.h"

namespace slu {

Tokenizer::Tokenizer(const Vocabulary &vocabulary, uint32_t max_tokens, Normalisation normalisation,
                     bool pairs, bool windows)
    : vocabulary_(vocabulary),
      max_tokens_(max_tokens),
      normalisation_(normalisation),
      pairs_(pairs),
      windows_(windows),
      cls_(vocabulary.find(View("[CLS]"))),
      sep_(vocabulary.find(View("[SEP]"))),
      unknown_(vocabulary.find(View("[UNK]"))) {}

bool Tokenizer::run(View text, Tokens *tokens, size_t *bad, uint32_t skip) {
  tokens->count = 0;
  tokens->truncated = more_ = false;
  limit_ = max_tokens_ - 1;
  skip_ = 0;
  const Position nowhere{};
  add_token(cls_, nowhere, nowhere, 0, 0, tokens);
  uint32_t index = 0;
  size_t first = pairs_ ? 0 : text.bytes;
  while (first < text.bytes && text.data[first] != '\t') ++first;
  const bool windows = windows_ && first < text.bytes && max_tokens_ > 3;
  if (windows) limit_ = 1 + (max_tokens_ - 3) / 2;
  if (!read(text, 0, first, &index, tokens, bad)) return false;
  const bool cut = tokens->truncated;
  if (windows) {
    tokens->truncated = false;
    limit_ = max_tokens_ - 1;
  }
  if (first < text.bytes) {
    const uint32_t before = tokens->count;
    const Position tab{index, index + 1, static_cast<uint32_t>(first), static_cast<uint32_t>(first) + 1, 0};
    if (!tokens->truncated) add_token(sep_, tab, tab, 0, 0, tokens);
    tokens->truncated |= tokens->count == before;
    ++index;
    skip_ = skip;
    if (!read(text, first + 1, text.bytes, &index, tokens, bad)) return false;
  }
  if (windows) {
    more_ = tokens->truncated;
    tokens->truncated = cut;
  }
  // finish_word leaves room for this one.
  tokens->ids[tokens->count] = sep_;
  tokens->starts[tokens->count] = tokens->ends[tokens->count] = 0;
  tokens->byte_starts[tokens->count] = tokens->byte_ends[tokens->count] = 0;
  ++tokens->count;
  return true;
}

bool Tokenizer::read(View text, size_t from, size_t to, uint32_t *code_points, Tokens *tokens, size_t *bad) {
  const auto *data = reinterpret_cast<const uint8_t *>(text.data);
  Normaliser normaliser(normalisation_);
  CharClass previous = CharClass::kSpace;
  uint32_t index = *code_points, start = 0, byte_start = 0;
  first_ = tokens->count;
  count_ = characters_ = 0;
  for (size_t at = from; at < to;) {
    uint32_t code;
    const uint32_t bytes = utf8_decode(data + at, to - at, &code);
    if (!bytes) {
      *bad = at;
      return false;
    }
    const uint32_t place = index++, byte_place = static_cast<uint32_t>(at);
    at += bytes;
    if (tokens->truncated) continue;  // only to see that the rest is UTF-8
    Normalised character;
    normaliser.read(code, data + at, to - at, &character);
    const CharClass kind = character.kind;
    if (kind == CharClass::kDropped) continue;
    if (kind == CharClass::kCombining || kind == CharClass::kTrailing)
      add_combining(place, static_cast<uint32_t>(at), tokens);
    if (kind == CharClass::kCombining) continue;
    if (previous != CharClass::kLeading) {
      start = place;
      byte_start = byte_place;
    }
    const bool apart = kind == CharClass::kSpace || kind >= CharClass::kLeading;
    if (characters_ && (apart || kind == CharClass::kSingle ||
                        (kind == CharClass::kDigit) != (previous == CharClass::kDigit)))
      finish_word(tokens);
    previous = kind;
    if (apart) continue;
    add_character(character, {start, index, byte_start, static_cast<uint32_t>(at), 0});
    if (kind == CharClass::kSingle) finish_word(tokens);
  }
  if (characters_) finish_word(tokens);
  *code_points = index;
  return true;
}

void Tokenizer::add_character(const Normalised &character, Position position) {
  const uint32_t used = count_ && characters_ <= kMostWordCharacters ? positions_[count_ - 1].end_in_word : 0;
  characters_ += character.characters;
  last_ = position;
  if (characters_ > kMostWordCharacters) {
    characters_ = kMostWordCharacters + 1;
    return;
  }
  for (uint32_t i = 0; i < character.bytes; ++i) bytes_[used + i] = character.text[i];
  position.end_in_word = used + character.bytes;
  positions_[count_++] = position;
}

void Tokenizer::add_combining(uint32_t at, uint32_t byte_end, Tokens *tokens) {
  if (characters_) {
    if (last_.end != at) return;  // what it belonged to is dropped
    last_.end = at + 1;
    last_.byte_end = byte_end;
    if (characters_ > kMostWordCharacters) return;
    positions_[count_ - 1].end = last_.end;
    positions_[count_ - 1].byte_end = byte_end;
  } else if (tokens->count > first_ && tokens->ends[tokens->count - 1] == at) {
    tokens->ends[tokens->count - 1] = at + 1;
    tokens->byte_ends[tokens->count - 1] = byte_end;
  }
}

void Tokenizer::finish_word(Tokens *tokens) {
  const bool too_long = characters_ > kMostWordCharacters;
  const uint32_t count = count_, before = tokens->count, skip = skip_;
  count_ = characters_ = 0;
  if (tokens->truncated) return;
  const uint32_t head = hash_byte(hash_byte(kHashStart, '#'), '#');
  bool known = !too_long;
  uint32_t needed = 0;  // tokens of this word, also those for which there is no room
  for (uint32_t begin = 0; known && begin < count;) {
    const uint32_t first = begin ? positions_[begin - 1].end_in_word : 0;
    // Continuations carry "##" in the vocabulary; it is put before the candidate.
    uint8_t candidate[2 + sizeof bytes_];
    uint32_t length = 0, hash = kHashStart;
    if (begin) {
      candidate[0] = candidate[1] = '#';
      length = 2;
      hash = head;
    }
    int32_t found = -1;
    uint32_t found_end = begin, at = first;
    for (uint32_t end = begin; end < count; ++end) {
      if (length + positions_[end].end_in_word - at > vocabulary_.longest()) break;
      for (; at < positions_[end].end_in_word; ++at) {
        candidate[length++] = bytes_[at];
        hash = hash_byte(hash, bytes_[at]);
      }
      const int32_t id = vocabulary_.find(candidate, length, hash);
      if (id >= 0) {
        found = id;
        found_end = end + 1;
      }
    }
    if (found < 0 && normalisation_ != Normalisation::kPlain) {
      found = unknown_;
      found_end = begin + 1;
    }
    known = found >= 0;
    if (!known) break;
    ++needed;
    add_token(found, positions_[begin], positions_[found_end - 1], first,
              positions_[found_end - 1].end_in_word, tokens);
    begin = found_end;
  }
  if (known) {
    if (before + needed > tokens->count + (skip - skip_)) tokens->truncated = true;
    return;
  }
  tokens->count = before;
  skip_ = skip;
  add_token(unknown_, positions_[0], too_long ? last_ : positions_[count - 1], 0,
            positions_[count - 1].end_in_word, tokens);
  if (tokens->count == before && skip_ == skip) tokens->truncated = true;
}

// Adds nothing when only the place of [SEP] is left.
void Tokenizer::add_token(int32_t id, const Position &first, const Position &last, uint32_t begin,
                          uint32_t end, Tokens *tokens) {
  if (skip_) {
    --skip_;
    return;
  }
  if (tokens->count >= limit_) return;
  const uint32_t i = tokens->count++;
  tokens->ids[i] = id;
  tokens->starts[i] = first.start;
  tokens->ends[i] = last.end;
  tokens->byte_starts[i] = first.byte_start;
  tokens->byte_ends[i] = last.byte_end;
  if (!tokens->characters) return;
  const uint32_t used = i ? tokens->character_ends[i - 1] : 0;
  uint32_t count = 0;
  for (; begin < end && count <= kMostPhrase; ++count)
    begin += utf8_decode(bytes_ + begin, end - begin, tokens->characters + used + count);
  tokens->character_ends[i] = used + count;
}

}  // namespace slu
