// Pieces of the vocabulary by their text: a hash table over the strings in the model file.
#pragma once

#include "base.h"

namespace slu {

// FNV-1a, one byte at a time, so that a longer candidate costs only its new bytes.
constexpr uint32_t kHashStart = 2166136261u;
inline uint32_t hash_byte(uint32_t hash, uint8_t byte) { return (hash ^ byte) * 16777619u; }
// Slot of the table: the high bits of a multiplication, as the low ones of FNV are weak.
inline uint32_t hash_slot(uint32_t hash, uint32_t shift) { return (hash * 2654435769u) >> shift; }

class Vocabulary {
 public:
  static constexpr uint32_t kMostPieces = (1u << 24) - 1;

  // Memory for `count` pieces out of `arena`.
  void reserve(Arena *arena, uint32_t count);
  // Read the strings of a GGUF array (`data` begins with the length of the first one, all was checked before).
  // Of a piece that is there twice the last one counts. False when the strings were made to collide.
  bool build(const uint8_t *data, uint32_t count);
  // Id of a piece, or -1. `hash` is that of its bytes.
  int32_t find(const uint8_t *text, size_t bytes, uint32_t hash) const {
    for (uint32_t slot = hash_slot(hash, shift_);; slot = (slot + 1) & mask_) {
      const uint32_t entry = table_[slot];
      if (entry == kFree) return -1;
      if ((entry ^ hash) >> kIdBits) continue;
      const View piece = text_of(entry & kIdMask);
      if (piece.bytes == bytes && same_bytes(piece.data, text, bytes))
        return static_cast<int32_t>(entry & kIdMask);
    }
  }
  int32_t find(View text) const;
  uint32_t longest() const { return longest_; }
  // Hash of the bytes of a piece.
  uint32_t hash_of(uint32_t id) const {
    const View piece = text_of(id);
    uint32_t hash = kHashStart;
    for (size_t i = 0; i < piece.bytes; ++i) hash = hash_byte(hash, static_cast<uint8_t>(piece.data[i]));
    return hash;
  }

 private:
  static constexpr uint32_t kIdBits = 24, kIdMask = (1u << kIdBits) - 1, kFree = 0xffffffffu;

  View text_of(uint32_t id) const {
    const uint8_t *at = data_ + offsets_[id];
    uint64_t bytes;
    copy_bytes(&bytes, at, sizeof bytes);
    return View(reinterpret_cast<const char *>(at + sizeof bytes), static_cast<size_t>(bytes));
  }

  const uint8_t *data_ = nullptr;
  uint32_t *offsets_ = nullptr;  // of the length that precedes a string
  uint32_t *table_ = nullptr;    // high 8 bits of the hash, then the id
  uint32_t shift_ = 0, mask_ = 0;
  uint32_t longest_ = 0;  // bytes
};

}  // namespace slu
