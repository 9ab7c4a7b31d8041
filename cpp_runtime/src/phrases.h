// Phrases as lists have them: lines of a text, and the hash of their normalised characters; the same as
// slu/inputs/entries.py.
#pragma once

#include "normalisation.h"
#include "utf8.h"

namespace slu {

constexpr uint32_t kMostPhrase = 62;  // normalised code points that a phrase may have

// The hash of a phrase, one code point at a time, so that a longer substring costs only its new ones.
constexpr uint64_t kPhraseStart = 0xcbf29ce484222325u;
inline uint64_t hash_code(uint64_t hash, uint32_t code) { return (hash ^ code) * 0x9e3779b97f4a7c15u; }
inline uint64_t key_of(uint64_t hash) {
  const uint64_t key = hash ^ hash >> 32;
  return key ? key : 1;  // 0 is a free place
}

// Lines without the white space around them, none of those that are empty or begin with '#'. A byte order mark at the
// beginning does not count.
class LineReader {
 public:
  explicit LineReader(View text) : next_(text.data), end_(text.data + text.bytes) {
    constexpr char kByteOrderMark[] = {'\xef', '\xbb', '\xbf'};
    if (text.bytes >= sizeof kByteOrderMark && same_bytes(next_, kByteOrderMark, sizeof kByteOrderMark))
      next_ += sizeof kByteOrderMark;
  }
  bool next(View *line) {
    const auto white = [](char byte) { return byte == ' ' || byte == '\t' || byte == '\r'; };
    while (next_ != end_) {
      const char *at = next_;
      while (next_ != end_ && *next_ != '\n') ++next_;
      const char *stop = next_;
      if (next_ != end_) ++next_;
      ++number_;
      while (at != stop && white(*at)) ++at;
      while (at != stop && white(stop[-1])) --stop;
      if (at == stop || *at == '#') continue;
      *line = View(at, static_cast<size_t>(stop - at));
      return true;
    }
    return false;
  }
  uint64_t number() const { return number_; }  // of the line that was read last, from 1

 private:
  const char *next_, *end_;
  uint64_t number_ = 0;
};

// Reads a text a code point at a time, for the hash of its normalised characters.
class Phrase {
 public:
  Phrase(View text, Normalisation normalisation)
      : text_(reinterpret_cast<const uint8_t *>(text.data)), bytes_(text.bytes), normaliser_(normalisation) {}
  // False at the end, and at what is not UTF-8: see bad().
  bool next() {
    if (at_ == bytes_) return false;
    uint32_t code;
    const uint32_t bytes = utf8_decode(text_ + at_, bytes_ - at_, &code);
    bad_ = !bytes;
    if (bad_) return false;
    at_ += bytes;
    ++position_;
    normaliser_.read(code, text_ + at_, bytes_ - at_, &character_);
    for (uint32_t i = 0; i < character_.bytes; ++length_) {
      i += utf8_decode(character_.text + i, character_.bytes - i, &code);
      hash_ = hash_code(hash_, code);
    }
    return true;
  }
  bool bad() const { return bad_; }
  // Of what was read: bytes, code points, normalised code points and their hash; class of the last code point, kDropped
  // before the first one.
  size_t bytes() const { return at_; }
  uint32_t position() const { return position_; }
  uint64_t length() const { return length_; }
  uint64_t key() const { return key_of(hash_); }
  CharClass kind() const { return character_.kind; }

 private:
  const uint8_t *text_;
  const size_t bytes_;
  Normaliser normaliser_;
  size_t at_ = 0;
  uint32_t position_ = 0;
  uint64_t length_ = 0, hash_ = kPhraseStart;
  Normalised character_{};
  bool bad_ = false;
};

}  // namespace slu
