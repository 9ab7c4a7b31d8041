#include "label_sets.h"

namespace slu {
namespace {

slu_status damaged(Message &message, const char *what, const Key &key) {
  message << what << " " << key.name << "; export the model again";
  return SLU_ERROR_FORMAT;
}

}  // namespace

slu_status head_read(const HeadKeys &keys, const OtherKeys &others, slu_info *info, Message &message) {
  const bool has_head =
      info->format_version == kHeadVersion || (info->format_version == kScoresVersion && keys.head.found);
  info->head = "joint";
  const Key *const all[] = {&keys.head, &keys.names, &keys.parents, &keys.rules, &keys.pairs};
  for (const Key *key : all)
    if (key->found && !has_head) return damaged(message, "the format version does not agree with", *key);
  if (!has_head) return SLU_OK;
  if (!keys.head.found) return damaged(message, "missing or of another type: the key", keys.head);
  View name;
  Cursor cursor = keys.head.strings();
  cursor.string(&name);
  constexpr const char *kKnown[] = {"sequence", "labels", "tokens", "answer"};
  const char *found = nullptr;
  for (const char *known : kKnown)
    if (name == known) found = known;
  if (!found) {
    message << "the model answers something that this library does not know (" << name
            << "); a newer one is needed";
    return SLU_ERROR_VERSION;
  }
  info->head = found;
  const bool questions = name == "answer", spans = questions || name == "tokens";
  const Key *const of_labels[] = {&keys.names, &keys.parents, &keys.rules};
  for (const Key *key : of_labels)
    if (key->found == spans)
      return damaged(message, spans ? "labels in a model of spans:" : "missing or of another type: the key",
                     *key);
  if (others.intents.found || others.slot_counts.found || others.flags.found || others.slots.found != spans)
    return damaged(message,
                   spans ? "intents or flags in a model of spans, or no" : "intents, slots or flags beside",
                   spans ? others.slots : keys.names);
  if (spans && !questions && keys.pairs.found)
    return damaged(message, "labels in a model of spans:", keys.pairs);
  info->pairs = keys.pairs.found ? keys.pairs.number<uint32_t>() : 0;
  if (questions && (info->pairs != 1 || others.slots.count != 1))
    return damaged(message, "a model of answers reads pairs and has one slot; wrong values in",
                   info->pairs != 1 ? keys.pairs : others.slots);
  return info->pairs > 1 ? damaged(message, "wrong values in", keys.pairs) : SLU_OK;
}

slu_status labels_read(const Key &parents, const Key &rules, Arena *arena, slu_info *info, Message &message) {
  const uint32_t count = info->intent_count;
  auto *above = arena->take<int32_t>(count);
  auto *bits = arena->take<uint8_t>(uint64_t{count} + 1);
  if (parents.count != count) return damaged(message, "wrong number of values in", parents);
  if (rules.count != uint64_t{count} + 1) return damaged(message, "wrong number of values in", rules);
  for (uint32_t i = 0; i <= count; ++i) {
    const auto rule = rules.number<int32_t>(i);
    if (rule < 0 || rule > (SLU_LABELS_OPTIONAL | SLU_LABELS_SEVERAL))
      return damaged(message, "wrong values in", rules);
    if (bits) bits[i] = static_cast<uint8_t>(rule);
    if (i == count) break;
    const auto parent = parents.number<int32_t>(i);
    if (parent < -1 || parent >= static_cast<int32_t>(i))
      return damaged(message, "labels that do not follow those above them in", parents);
    if (above) above[i] = parent;
  }
  info->label_parents = above;
  info->label_rules = bits;
  return SLU_OK;
}

slu_status one_slot_set(const slu_info &info, Arena *arena, slu_model *model) {
  auto *slots = arena->take<uint16_t>(info.slot_count);
  auto *sets = arena->take<SlotSet>(1);
  auto *set_of_intent = arena->take<uint16_t>(1);
  if (slots && sets && set_of_intent) {
    for (uint32_t s = 0; s < info.slot_count; ++s) slots[s] = static_cast<uint16_t>(s);
    sets[0] = {slots, info.slot_count};
    set_of_intent[0] = 0;
  }
  model->slot_sets = sets;
  model->set_of_intent = set_of_intent;
  model->slot_set_count = 1;
  return SLU_OK;
}

}  // namespace slu
