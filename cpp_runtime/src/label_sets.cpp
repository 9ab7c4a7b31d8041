#include "label_sets.h"

#include "model.h"

namespace slu {
namespace {

slu_status damaged(Message &message, const char *what, const Key &key) {
  message << what << " " << key.name << "; export the model again";
  return SLU_ERROR_FORMAT;
}

}  // namespace

slu_status head_read(const HeadKeys &keys, bool others, slu_info *info, Message &message) {
  const bool has_head = info->format_version == kHeadVersion;
  info->head = "joint";
  const Key *const all[] = {&keys.head, &keys.names, &keys.parents, &keys.rules, &keys.pairs};
  for (const Key *key : all) {
    if (key->found && !has_head) return damaged(message, "the format version does not agree with", *key);
    if (!key->found && has_head && key != &keys.pairs)
      return damaged(message, "missing or of another type: the key", *key);
  }
  if (!has_head) return SLU_OK;
  View name;
  Cursor cursor = keys.head.strings();
  cursor.string(&name);
  if (!(name == "sequence") && !(name == "labels")) {
    message << "the model answers something that this library does not know (" << name
            << "); a newer one is needed";
    return SLU_ERROR_VERSION;
  }
  info->head = name == "sequence" ? "sequence" : "labels";
  if (others) return damaged(message, "intents, slots or flags beside", keys.names);
  info->pairs = keys.pairs.found ? keys.pairs.number<uint32_t>() : 0;
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

}  // namespace slu
