// Any bytes as lists that are said for model and context, and as the text that is matched with them: a status, or flags
// that agree with each other. A byte says what is done with those after it.
#include <algorithm>
#include <vector>

#include "fuzz_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slu_context *context = fuzz_context();
  slu_model *model = fuzz_model();
  const slu_info &info = *slu_model_info(model);
  static std::vector<float> flags(size_t{info.max_tokens} * info.flag_count);
  require(slu_model_change_lexicon(model, SLU_LEXICON_RESET, nullptr, nullptr, 0, nullptr) == SLU_OK);
  require(slu_context_change_lexicon(context, SLU_LEXICON_RESET, nullptr, nullptr, 0, nullptr) == SLU_OK);
  for (size_t at = 0; at < size;) {
    const uint8_t what = data[at++];
    const auto *part = reinterpret_cast<const char *>(data + at);
    const size_t bytes = std::min(size_t{what / 32u} * 8, size - at);
    at += bytes;
    const char *slot = info.slots[what % info.slot_count];
    const auto change = static_cast<slu_lexicon_change>(what / 4 % 4);
    slu_error error;
    const slu_status status = what & 2
                                  ? slu_model_change_lexicon(model, change, slot, part, bytes, &error)
                                  : slu_context_change_lexicon(context, change, slot, part, bytes, &error);
    require((status == SLU_OK) == !error.message[0]);
  }
  const auto *text = reinterpret_cast<const char *>(data);
  const slu_status status = slu_flags(context, text, size, flags.data(), flags.size());
  if (status == SLU_ERROR_INVALID_UTF8) return 0;
  const slu_tokens *tokens;
  const slu_result *result;
  require(status == SLU_OK && slu_tokenize(context, text, size, &tokens) == SLU_OK);
  for (size_t slot = 0; slot < info.slot_count; ++slot) {
    bool inside = false;  // a match begins before those inside it, and ends after them
    for (size_t t = 0; t < tokens->count; ++t) {
      const float *of = &flags[t * info.flag_count + 4 * slot];
      require((of[0] + of[1] + of[2] + of[3] <= 0) || (t > 0 && t + 1 < tokens->count));
      require(inside || (of[1] <= 0 && of[2] <= 0));
      inside = of[0] > 0 || (inside && of[1] > 0);
    }
    require(!inside);
  }
  require(slu_parse(context, text, size, &result) == SLU_OK && result->score >= 0);
  return 0;
}
