#include "pins.h"

#include <new>

#include "os.h"

namespace slu {
namespace {

constexpr uint32_t kMostBytes =
    1024;  // of a pinned text; 62 characters have 248, the others are not compared
constexpr uint32_t kMostPins = 1u << 24;

// A pinned text without its tags.
struct Text {
  char bytes[kMostBytes];
  size_t length = 0;
  struct Span {
    uint16_t slot;
    size_t begin, end;  // bytes
  } spans[kMostPinnedSlots];
  uint32_t span_count = 0;
};

// Reads lines; every failure leaves a message that begins with the number of the line.
class PinReader {
 public:
  PinReader(const PinChange &change, const slu_info &info, Message &message)
      : lines_(change.lines), change_(change), info_(info), message_(message) {}
  // The next text: its entry, with the slots at `slots` [kMostPinnedSlots]. False at the end and at an error, which
  // status() tells apart.
  bool next(Pin *pin, PinnedSlot *slots);
  slu_status status() const { return status_; }

 private:
  bool fail(const char *what, View name = View("", 0)) {
    message_ << "line " << lines_.number() << ": " << what << name;
    status_ = SLU_ERROR_ARGUMENT;
    return false;
  }
  bool intent(View name, uint16_t *found);
  bool tags(View tagged, uint16_t intent, Text *text);
  bool may_have(uint16_t intent, View slot, uint16_t *found);
  bool characters(const Text &text, Pin *pin, PinnedSlot *slots);

  LineReader lines_;
  const PinChange &change_;
  const slu_info &info_;
  Message &message_;
  slu_status status_ = SLU_OK;
};

bool PinReader::intent(View name, uint16_t *found) {
  for (uint32_t i = 0; i < info_.intent_count; ++i)
    if (name == View(info_.intents[i])) {
      *found = static_cast<uint16_t>(i);
      return true;
    }
  return fail("the model has no intent ", name);
}

bool PinReader::may_have(uint16_t intent, View slot, uint16_t *found) {
  const slu_slot_set &set = info_.slots_of_intents[intent];
  for (uint32_t i = 0; i < set.count; ++i)
    if (slot == View(info_.slots[set.slots[i]])) {
      *found = set.slots[i];
      return true;
    }
  return fail("this intent cannot have the slot ", slot);
}

// Whether `text` has <name>, or with `closing` </name>.
bool has_tag(View text, View name, bool closing) {
  const size_t before = closing ? 2 : 1, bytes = name.bytes + before + 1;
  for (size_t at = 0; at + bytes <= text.bytes; ++at) {
    const char *tag = text.data + at;
    if (tag[0] == '<' && (!closing || tag[1] == '/') && View(tag + before, name.bytes) == name &&
        tag[bytes - 1] == '>')
      return true;
  }
  return false;
}

// Bytes of the tag that begins at `at`, 0 if that is none. Tags are those of slu/corpus/tagged.py: a name with spaces
// makes a tag only if its other tag is there as well.
size_t tag_length(View text, size_t begin) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80); };
  const auto inside = [&](char c) {
    if (letter(c) || (c >= '0' && c <= '9')) return true;
    for (const char *other = "_./+#:-"; *other; ++other)
      if (c == *other) return true;
    return false;
  };
  const View rest(text.data + begin, text.bytes - begin);
  if (rest.data[0] != '<' || rest.bytes < 3) return 0;
  const bool closes = rest.data[1] == '/';
  const size_t first = closes ? 2 : 1;
  size_t at = first;
  if (!letter(rest.data[at])) return 0;
  bool spaces = false;
  for (; at < rest.bytes; ++at) {
    const bool space = rest.data[at] == ' ' && at + 1 < rest.bytes && inside(rest.data[at + 1]);
    if (!space && !inside(rest.data[at])) break;
    spaces |= space;
  }
  if (at == rest.bytes || rest.data[at] != '>') return 0;
  const View name(rest.data + first, at - first);
  if (spaces && !has_tag(closes ? View(text.data, begin) : rest, name, !closes)) return 0;
  return at + 1;
}

bool PinReader::tags(View tagged, uint16_t intent, Text *text) {
  View open("", 0);
  for (size_t at = 0; at < tagged.bytes;) {
    const View rest(tagged.data + at, tagged.bytes - at);
    const size_t tag = tag_length(tagged, at);
    if (!tag) {
      if (rest.bytes > 1 && rest.data[0] == '|' && rest.data[1] == '|')
        return fail("|| marks a correction, which a pinned text has not");
      if (text->length == kMostBytes) return fail("more than 1,024 bytes");
      text->bytes[text->length++] = rest.data[0];
      ++at;
      continue;
    }
    at += tag;
    const bool closes = rest.data[1] == '/';
    const View name(rest.data + 1 + closes, tag - 2 - closes);
    if (closes ? !(open.bytes && open == name) : open.bytes > 0)
      return fail("wrong tags: a slot is <name>...</name>, and none is inside another");
    if (closes) {
      text->spans[text->span_count++].end = text->length;
      open = View("", 0);
      continue;
    }
    if (text->span_count == kMostPinnedSlots) return fail("too many slots");
    Text::Span &span = text->spans[text->span_count];
    if (intent != kNoPin && !may_have(intent, name, &span.slot)) return false;
    span.begin = text->length;
    open = name;
  }
  return open.bytes ? fail("a slot does not end: ", open) : true;
}

bool PinReader::characters(const Text &text, Pin *pin, PinnedSlot *slots) {
  Phrase phrase(View(text.bytes, text.length), change_.normalisation);
  uint32_t span = 0;
  bool begun = false;
  const auto at_most = [&](uint64_t length) {
    return static_cast<uint8_t>(length < kMostPhrase + 1 ? length : kMostPhrase + 1);
  };
  // Where the bytes of the slots stand among the normalised characters.
  const auto mark = [&] {
    while (span < text.span_count) {
      const Text::Span &wanted = text.spans[span];
      if (!begun) {
        if (phrase.bytes() < wanted.begin) return;
        slots[span] = {wanted.slot, at_most(phrase.length()), 0};
        begun = true;
      }
      if (phrase.bytes() < wanted.end) return;
      slots[span++].end = at_most(phrase.length());
      begun = false;
    }
  };
  mark();
  while (phrase.next()) mark();
  if (phrase.bad()) {
    fail("not UTF-8");
    status_ = SLU_ERROR_INVALID_UTF8;
    return false;
  }
  if (!phrase.length()) return fail("no character of the text is compared");
  if (phrase.length() > kMostPhrase) return fail("more than 62 characters");
  for (uint32_t i = 0; i < text.span_count; ++i)
    if (slots[i].begin == slots[i].end) return fail("no character of a slot is compared");
  pin->key = phrase.key();
  pin->slot_count = static_cast<uint16_t>(pin->intent == kNoPin ? 0 : text.span_count);
  return true;
}

bool PinReader::next(Pin *pin, PinnedSlot *slots) {
  View line;
  if (!lines_.next(&line)) return false;
  const bool removes = change_.what == SLU_LEXICON_REMOVE;
  size_t tab = 0;
  while (tab < line.bytes && line.data[tab] != '\t') ++tab;
  pin->intent = kNoPin;
  if (tab == line.bytes) {
    if (!removes) return fail("an intent, a tab and a text are expected");
    tab = 0;
  } else {
    if (!removes && !intent(View(line.data, tab), &pin->intent)) return false;
    ++tab;
  }
  Text text;
  return tags(View(line.data + tab, line.bytes - tab), pin->intent, &text) && characters(text, pin, slots);
}

bool precedes(const Pin &a, const Pin &b) { return a.key != b.key ? a.key < b.key : a.order < b.order; }

// Heapsort: no recursion, no memory, no text that makes it slow.
void sort(Pin *pins, uint32_t count) {
  const auto sink = [&](uint32_t at, uint32_t end) {
    for (uint32_t child; (child = 2 * at + 1) < end; at = child) {
      if (child + 1 < end && precedes(pins[child], pins[child + 1])) ++child;
      if (!precedes(pins[at], pins[child])) return;
      const Pin pin = pins[at];
      pins[at] = pins[child];
      pins[child] = pin;
    }
  };
  for (uint32_t at = count / 2; at-- > 0;) sink(at, count);
  for (uint32_t end = count; end-- > 1;) {
    const Pin pin = pins[0];
    pins[0] = pins[end];
    pins[end] = pin;
    sink(0, end);
  }
}

}  // namespace

const Pin *PinLevel::find(uint64_t key) const {
  uint32_t low = 0, high = count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (pins[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && pins[low].key == key ? &pins[low] : nullptr;
}

void level_free(PinLevel *level) {
  if (level) os_free(level, level->own_bytes);
}

slu_status level_change(const PinLevel *old, const PinChange &change, const slu_info &info, PinLevel **result,
                        Message &message) {
  *result = nullptr;
  if (change.what == SLU_LEXICON_RESET) return SLU_OK;
  const bool replaces = change.what == SLU_LEXICON_REPLACE;
  const PinLevel none, &before = old && !replaces ? *old : none;
  // All lines are read before anything is made, so that an error in them changes nothing.
  Pin pin{};
  PinnedSlot slots[kMostPinnedSlots];
  uint64_t count = before.count, slot_count = 0;
  for (uint32_t i = 0; i < before.count; ++i) slot_count += before.pins[i].slot_count;
  PinReader counted(change, info, message);
  while (counted.next(&pin, slots)) {
    ++count;
    slot_count += pin.slot_count;
  }
  if (counted.status() != SLU_OK) return counted.status();
  if (!count && !replaces && !before.replaced) return SLU_OK;
  if (count > kMostPins) {
    message << count << " pinned texts are too many";
    return SLU_ERROR_MEMORY;
  }
  const auto take = [&](Arena *arena, PinLevel **level, Pin **pins, PinnedSlot **all_slots) {
    *level = arena->take<PinLevel>(1);
    *pins = arena->take<Pin>(count);
    *all_slots = arena->take<PinnedSlot>(slot_count);
  };
  PinLevel *level;
  Pin *pins;
  PinnedSlot *all_slots;
  Arena needed(nullptr);
  take(&needed, &level, &pins, &all_slots);
  void *memory = os_allocate(needed.used());
  if (!memory) {
    message << "no memory for " << count << " pinned texts";
    return SLU_ERROR_MEMORY;
  }
  Arena arena(memory);
  take(&arena, &level, &pins, &all_slots);
  uint32_t used = 0, used_slots = 0;
  const auto put = [&](const Pin &one, const PinnedSlot *its_slots) {
    pins[used] = one;
    pins[used].first_slot = used_slots;
    pins[used].order = used;
    ++used;
    for (uint32_t i = 0; i < one.slot_count; ++i) all_slots[used_slots++] = its_slots[i];
  };
  for (uint32_t i = 0; i < before.count; ++i) put(before.pins[i], before.slots + before.pins[i].first_slot);
  PinReader reader(change, info, message);
  while (used < count && reader.next(&pin, slots)) put(pin, slots);
  sort(pins, used);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < used; ++i)
    if (i + 1 == used || pins[i].key != pins[i + 1].key) pins[kept++] = pins[i];
  level = new (level) PinLevel();
  level->pins = pins;
  level->slots = all_slots;
  level->count = kept;
  level->replaced = replaces || before.replaced;
  level->own_bytes = needed.used();
  *result = level;
  return SLU_OK;
}

}  // namespace slu
