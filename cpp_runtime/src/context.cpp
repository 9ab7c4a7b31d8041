#include "context.h"

#include <new>

#include "brackets.h"

namespace {

slu::Tokens take_tokens(slu::Arena *arena, const slu_info &info) {
  const size_t count = info.max_tokens;
  slu::Tokens tokens{};
  tokens.ids = arena->take<int32_t>(count);
  tokens.starts = arena->take<uint32_t>(count);
  tokens.ends = arena->take<uint32_t>(count);
  tokens.byte_starts = arena->take<uint32_t>(count);
  tokens.byte_ends = arena->take<uint32_t>(count);
  if (info.uses_lexicon) {
    tokens.characters = arena->take<uint32_t>(count * (slu::kMostPhrase + 1));
    tokens.character_ends = arena->take<uint32_t>(count);
  }
  return tokens;
}

uint32_t most_slots(const slu_info &info) {
  return info.max_tokens > slu::kMostPinnedSlots ? info.max_tokens : slu::kMostPinnedSlots;
}

}  // namespace

slu_context::slu_context(const slu_model &from, const slu::Engine &engine, slu::Arena *arena)
    : model(from),
      tokens(take_tokens(arena, from.info)),
      tokenizer(from.vocabulary, from.info.max_tokens, from.normalisation, from.info.pairs,
                from.answers_questions()),
      encoder(from, engine, arena),
      decoder(from, arena),
      label_decoder(from, arena),
      answer_decoder(from, arena),
      labels(arena->take<slu_label>(from.answers_labels() ? from.info.intent_count : 0)),
      slots(arena->take<slu_slot>(most_slots(from.info))),
      flags{arena->take<uint64_t>(from.flag_words * from.info.max_tokens), from.flag_words} {}

bool slu_context::find_pin(slu::View text) {
  slu::Phrase phrase(text, model.normalisation);
  while (phrase.length() <= slu::kMostPhrase && phrase.next()) {
  }
  if (phrase.bad() || !phrase.length() || phrase.length() > slu::kMostPhrase) return false;
  slu::PinLevel *shared = model.pins.acquire();
  const slu::PinLevel *const levels[] = {pins, shared};
  const slu::Pin *pin = nullptr;
  for (const slu::PinLevel *level : levels) {
    if (!level) continue;
    pin = level->find(phrase.key());
    if (pin && pin->intent != slu::kNoPin) answer(*pin, level->slots + pin->first_slot, text);
    if (pin || level->replaced) break;
  }
  const bool found = pin && pin->intent != slu::kNoPin;
  model.pins.release(shared);
  return found;
}

void slu_context::answer(const slu::Pin &pin, const slu::PinnedSlot *spans, slu::View text) {
  const slu_info &info = model.info;
  result = {};
  result.intent = info.intents[pin.intent];
  result.intent_index = pin.intent;
  result.score = 1;
  result.understood = result.pinned = 1;
  result.slot_count = pin.slot_count;
  result.slots = slots;
  slu::Phrase phrase(text, model.normalisation);
  uint32_t start = 0, byte_start = 0;  // of the code point that was read last, with what leads to it
  const auto read = [&] {
    if (phrase.kind() != slu::CharClass::kLeading) {
      start = phrase.position();
      byte_start = static_cast<uint32_t>(phrase.bytes());
    }
    return phrase.next();
  };
  for (uint32_t i = 0; i < pin.slot_count; ++i) {
    // From the code point that has its first character to the one that has its last, with what is combined with it.
    while (phrase.length() <= spans[i].begin && read()) {
    }
    slots[i] = {info.slots[spans[i].slot], spans[i].slot, start, 0, byte_start, 0};
    while (phrase.length() < spans[i].end && read()) {
    }
    slu::Phrase end(phrase);
    do {
      slots[i].end = end.position();
      slots[i].byte_end = static_cast<uint32_t>(end.bytes());
    } while (end.next() &&
             (end.kind() == slu::CharClass::kCombining || end.kind() == slu::CharClass::kTrailing));
  }
  take_in_partners(text);
}

slu_status slu_context::tokenize(slu::View text) {
  size_t bad;
  return tokenizer.run(text, &tokens, &bad) ? SLU_OK : not_utf8(bad);
}

slu_status slu_context::not_utf8(size_t byte) {
  slu::Message(&error) << "the text is not UTF-8 at byte " << uint64_t{byte};
  return SLU_ERROR_INVALID_UTF8;
}

const uint64_t *slu_context::match() {
  const slu_info &info = model.info;
  if (!flags.words) return nullptr;
  flags.clear(tokens.count);
  bool any = false;
  if (info.uses_lexicon) {
    slu::LexiconLevel *shared = model.lexicon.acquire();
    const slu::LexiconLevel *levels[3];
    uint32_t count = 0;
    if (lexicon) levels[count++] = lexicon;
    if (shared) levels[count++] = shared;
    levels[count++] = &model.lists;
    any = slu::lexicon_match(levels, count, info.slot_count, tokens, flags);
    model.lexicon.release(shared);
  }
  if (info.uses_previous_intent && previous_intent != SLU_TURN_UNKNOWN) {
    const auto intent =
        previous_intent == SLU_TURN_FIRST ? info.intent_count : static_cast<uint32_t>(previous_intent);
    flags.set(0, info.flag_count - info.intent_count - 1 + intent);
    any = true;
  }
  return any ? flags.bits : nullptr;
}

void slu_context::take_in_partners(slu::View text) {
  if (model.normalisation == slu::Normalisation::kPlain) return;
  for (uint32_t i = 0; i < result.slot_count; ++i) slu::take_in_partners(text, slots + i);
}

void slu_context::decode(slu::View text) {
  result = {};
  result.intent = "";
  if (model.answers_labels()) {
    result.score = label_decoder.run(encoder.intents(), labels, &result.label_count);
    result.labels = labels;
  } else {
    decode_intent_and_slots();
    take_in_partners(text);
  }
  result.understood = static_cast<double>(result.score) >= model.info.threshold;
  result.truncated = tokens.truncated;
  result.token_count = tokens.count;
}

void slu_context::decode_intent_and_slots() {
  const uint32_t count = tokens.count - 2;  // without [CLS] and [SEP]
  const slu::Decision decision = decoder.run(encoder.intents(), encoder.slots() + model.tag_count, count);
  const uint16_t *tags = decoder.tags();
  uint32_t found = 0;
  for (uint32_t t = 0; t < count; ++t) {
    if (!tags[t]) continue;
    const uint32_t slot = (tags[t] - 1u) / 2;
    if (tags[t] % 2) {  // B
      slots[found++] = {model.info.slots[slot], slot, tokens.starts[t + 1], 0, tokens.byte_starts[t + 1], 0};
    } else if (!found) {
      continue;  // cannot be: the decoder lets I follow B or I only
    }
    slots[found - 1].end = tokens.ends[t + 1];
    slots[found - 1].byte_end = tokens.byte_ends[t + 1];
  }
  if (!model.answers_spans()) {
    result.intent = model.info.intents[decision.intent];
    result.intent_index = decision.intent;
  }
  result.score = decision.score;
  result.slot_count = found;
  result.slots = slots;
}

slu_status slu_context::answer_question(slu::View text) {
  answer_decoder.begin();
  result = {};
  for (uint32_t skip = 0;;) {
    size_t bad;
    if (!tokenizer.run(text, &tokens, &bad, skip)) return not_utf8(bad);
    const slu_status status = compute(tokens.ids, nullptr, tokens.count);
    if (status != SLU_OK) return status;
    skip += answer_decoder.add(encoder.slots(), tokens);
    result.token_count += tokens.count;
    if (!tokenizer.more()) break;
  }
  result.intent = "";
  result.slot_count = answer_decoder.end(slots, &result.score);
  slots[0].name = model.info.slots[0];
  result.slots = slots;
  result.understood = static_cast<double>(result.score) >= model.info.threshold;
  result.truncated = tokens.truncated;
  return SLU_OK;
}

namespace slu {

uint64_t context_bytes(const slu_model &model) {
  Arena arena(nullptr);
  arena.take<slu_context>(1);
  // The engine is only kept, so that any will do.
  const slu_context measured(model, any_engine(), &arena);
  return arena.used();
}

slu_status context_create(const slu_model &model, const Engine &engine, slu_context **context,
                          Message &message) {
  const uint64_t bytes = context_bytes(model);
  void *memory = allocate(bytes);
  if (!memory) {
    message << "no memory for a context, " << bytes << " bytes";
    return SLU_ERROR_MEMORY;
  }
  Arena arena(memory);
  void *place = arena.take<slu_context>(1);
  auto *made = new (place) slu_context(model, engine, &arena);
  made->own_bytes = static_cast<size_t>(bytes);
  const slu_status status = made->encoder.open(message);
  if (status != SLU_OK) {
    context_destroy(made);
    return status;
  }
  *context = made;
  return SLU_OK;
}

void context_destroy(slu_context *context) {
  context->encoder.close();
  level_free(context->lexicon);
  level_free(context->pins);
  os_free(context, context->own_bytes);
}

}  // namespace slu
