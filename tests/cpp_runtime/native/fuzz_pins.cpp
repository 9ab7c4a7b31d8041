// Any bytes as pinned texts of model and context, and as the text that is parsed: a status, or an answer whose slots are
// in order inside the text. A byte says what is done with those after it.
#include <algorithm>
#include <string>

#include "fuzz_model.h"

namespace {

void check(slu_context *context, const char *text, size_t size) {
  const slu_result *result;
  const slu_status status = slu_parse(context, text, size, &result);
  if (status == SLU_ERROR_INVALID_UTF8) return;
  require(status == SLU_OK && (!result->pinned || (result->score >= 1 && result->understood)));
  uint32_t previous = 0, previous_byte = 0;
  for (uint32_t i = 0; i < result->slot_count; ++i) {
    const slu_slot &slot = result->slots[i];
    require(slot.end > slot.start && slot.byte_end > slot.byte_start && slot.byte_end <= size);
    // Two slots of a pinned text may share the code point that both have a part of.
    require(slot.start + result->pinned >= previous && slot.byte_start + 4 * result->pinned >= previous_byte);
    require((text[slot.byte_start] & 0xc0) != 0x80);
    previous = slot.end;
    previous_byte = slot.byte_end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slu_context *context = fuzz_context();
  slu_model *model = fuzz_model();
  const slu_info &info = *slu_model_info(model);
  require(slu_model_change_pins(model, SLU_LEXICON_RESET, nullptr, 0, nullptr) == SLU_OK);
  require(slu_context_change_pins(context, SLU_LEXICON_RESET, nullptr, 0, nullptr) == SLU_OK);
  for (size_t at = 0; at < size;) {
    const uint8_t what = data[at++];
    const size_t bytes = std::min(size_t{what / 16u} * 4, size - at);
    const std::string part(reinterpret_cast<const char *>(data + at), bytes);
    at += bytes;
    // What is pinned: the bytes as they are, or behind an intent, so that many are well-formed.
    const std::string lines = what & 1 ? info.intents[what / 2 % info.intent_count] + ("\t" + part) : part;
    const auto change = static_cast<slu_lexicon_change>(what / 4 % 4);
    slu_error error;
    const slu_status status =
        what & 2 ? slu_model_change_pins(model, change, lines.data(), lines.size(), &error)
                 : slu_context_change_pins(context, change, lines.data(), lines.size(), &error);
    require((status == SLU_OK) == !error.message[0]);
    check(context, part.data(), part.size());
  }
  check(context, reinterpret_cast<const char *>(data), size);
  return 0;
}
