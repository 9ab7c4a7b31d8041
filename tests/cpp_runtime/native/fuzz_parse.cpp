// Any bytes as an utterance: a status, or slots in order that lie inside the text.
#include "fuzz_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const slu_result *result;
  const slu_status status = slu_parse(fuzz_context(), reinterpret_cast<const char *>(data), size, &result);
  if (status == SLU_ERROR_INVALID_UTF8) return 0;
  require(status == SLU_OK && result->score >= 0 && result->score <= 1.001f);
  uint32_t previous = 0;
  for (uint32_t i = 0; i < result->slot_count; ++i) {
    const slu_slot &slot = result->slots[i];
    require(slot.byte_start >= previous && slot.byte_end > slot.byte_start && slot.byte_end <= size);
    require(slot.end > slot.start && slot.end - slot.start <= slot.byte_end - slot.byte_start);
    require((data[slot.byte_start] & 0xc0) != 0x80);
    previous = slot.byte_end;
  }
  return 0;
}
