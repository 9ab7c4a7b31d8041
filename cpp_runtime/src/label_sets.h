// What a model file of version 3 says of its head: labels, or spans alone, instead of intents and slots. docs/gguf.md
// has the keys.
#pragma once

#include "gguf.h"
#include "model.h"

namespace slu {

// Keys that only such files have.
struct HeadKeys {
  const Key &head, &names, &parents, &rules, &pairs;
};
// Keys that files of some heads may not have.
struct OtherKeys {
  const Key &intents, &slots, &slot_counts, &flags;
};

// Fills head and pairs.
slu_status head_read(const HeadKeys &keys, const OtherKeys &others, slu_info *info, Message &message);
// Fills label_parents and label_rules with what it takes out of `arena`, which may only count.
slu_status labels_read(const Key &parents, const Key &rules, Arena *arena, slu_info *info, Message &message);
// The slots of a model of spans alone, which is decoded as if there were one intent that can have all of them.
slu_status one_slot_set(const slu_info &info, Arena *arena, slu_model *model);

}  // namespace slu
