#include "vocabulary.h"

namespace slu {

void Vocabulary::reserve(Arena *arena, uint32_t count) {
  uint32_t bits = 4;
  while ((uint64_t{1} << bits) * 3 < uint64_t{count} * 4) ++bits;  // at most three quarters full
  shift_ = 32 - bits;
  mask_ = static_cast<uint32_t>((uint64_t{1} << bits) - 1);
  offsets_ = arena->take<uint32_t>(count);
  table_ = arena->take<uint32_t>(size_t{1} << bits);
}

bool Vocabulary::build(const uint8_t *data, uint32_t count) {
  constexpr uint32_t kMostProbes = 4096;  // honest vocabularies need fewer than 200
  uint64_t all_probes = 0;                // and less than 3 for each token
  data_ = data;
  for (uint32_t slot = 0; slot <= mask_; ++slot) table_[slot] = kFree;
  uint64_t offset = 0;
  for (uint32_t id = 0; id < count; ++id) {
    if (offset > UINT32_MAX) return false;
    offsets_[id] = static_cast<uint32_t>(offset);
    const View piece = text_of(id);
    offset += sizeof(uint64_t) + piece.bytes;
    if (piece.bytes > longest_) longest_ = static_cast<uint32_t>(piece.bytes);
    const uint32_t hash = hash_of(id);
    uint32_t slot = hash_slot(hash, shift_), probes = 0;
    while (table_[slot] != kFree &&
           ((table_[slot] ^ hash) >> kIdBits || !(text_of(table_[slot] & kIdMask) == piece))) {
      if (++probes > kMostProbes || ++all_probes > kMostProbes + uint64_t{32} * count) return false;
      slot = (slot + 1) & mask_;
    }
    table_[slot] = (hash & ~kIdMask) | id;
  }
  return true;
}

int32_t Vocabulary::find(View text) const {
  uint32_t hash = kHashStart;
  for (size_t i = 0; i < text.bytes; ++i) hash = hash_byte(hash, static_cast<uint8_t>(text.data[i]));
  return find(reinterpret_cast<const uint8_t *>(text.data), text.bytes, hash);
}

}  // namespace slu
