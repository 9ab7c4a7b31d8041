// Pinned phrases: texts whose answer is given, not computed; the same as slu/inputs/pins.py.
//
// There are two levels, as of lexicons: what was said for all contexts of the model, and what for one context. The
// higher one counts that says anything about a text.
#pragma once

#include "phrases.h"

namespace slu {

// Slot number `slot` of a pinned text: its normalised characters [begin, end).
struct PinnedSlot {
  uint16_t slot;
  uint8_t begin, end;
};
constexpr uint32_t kMostPinnedSlots = 16;

// Of the text itself a hash is kept.
struct Pin {
  uint64_t key;
  uint16_t intent;  // kNoPin: the text is not pinned, whatever the level below says
  uint16_t slot_count;
  uint32_t first_slot;
  uint32_t order;  // in which it was said: of a text, the last one counts
};
constexpr uint16_t kNoPin = 0xffff;

// What is said at one level. It never changes while it is in use: a change makes a new one.
struct PinLevel {
  const Pin *pins = nullptr;  // [count], by ascending keys
  const PinnedSlot *slots = nullptr;
  uint32_t count = 0;
  bool replaced = false;    // the level below does not count
  uint32_t references = 1;  // of the level of a model; under the lock of SharedLevel
  size_t own_bytes = 0;     // of this allocation

  const Pin *find(uint64_t key) const;
};
void level_free(PinLevel *level);  // null is allowed

struct PinChange {
  slu_lexicon_change what;
  View lines;  // an intent, a tab and a text with its slots in tags; to remove, a text is enough
  Normalisation normalisation;
};

// *result = `old` with the change, null when it then says nothing. `old` stays; on failure there is no result.
slu_status level_change(const PinLevel *old, const PinChange &change, const slu_info &info, PinLevel **result,
                        Message &message);

}  // namespace slu
