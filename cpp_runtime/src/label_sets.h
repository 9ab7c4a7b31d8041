// What a model file of version 3 says of its head: labels instead of intents and slots. docs/gguf.md has the keys.
#pragma once

#include "gguf.h"

namespace slu {

// Keys that only such files have.
struct HeadKeys {
  const Key &head, &names, &parents, &rules, &pairs;
};

// Fills head and pairs. `others`: whether the file has intents, slots or flags.
slu_status head_read(const HeadKeys &keys, bool others, slu_info *info, Message &message);
// Fills label_parents and label_rules with what it takes out of `arena`, which may only count.
slu_status labels_read(const Key &parents, const Key &rules, Arena *arena, slu_info *info, Message &message);

}  // namespace slu
