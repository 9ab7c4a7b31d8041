#include "names.h"

#include "os.h"

namespace slu {

Names::Names(uint32_t most) {
  uint64_t places = 16;
  while (places < 2 * uint64_t{most}) places *= 2;
  bytes_ = places * sizeof(Entry);
  entries_ = static_cast<Entry *>(allocate(bytes_));
  mask_ = static_cast<uint32_t>(places - 1);
}

Names::~Names() {
  if (entries_) os_free(entries_, static_cast<size_t>(bytes_));
}

uint32_t Names::number(View text) {
  constexpr uint32_t kMostProbes = 1024;  // half of the places are free: some ten are enough
  if (!entries_) return kRefused;
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (size_t i = 0; i < text.bytes; ++i) hash = (hash ^ static_cast<uint8_t>(text.data[i])) * 1099511628211u;
  hash |= 1;
  auto place = static_cast<uint32_t>((hash * 0x9e3779b97f4a7c15u) >> 32);
  for (uint32_t probes = 0; probes < kMostProbes; ++probes) {
    Entry &entry = entries_[place++ & mask_];
    if (!entry.hash) {
      entry = {hash, text, count_};
      return count_++;
    }
    if (entry.hash == hash) return entry.text == text ? entry.number : kRefused;
  }
  return kRefused;
}

}  // namespace slu
