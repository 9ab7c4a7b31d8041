// Any bytes as a model file: a status, or a model that parses.
#include <stdlib.h>
#include <string.h>

#include "fuzz_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A block of exactly this size, aligned, so that the sanitizer sees every read outside.
  void *copy = malloc(size ? size : 1);
  memcpy(copy, data, size);
  slu_model *model;
  slu_context *context;
  slu_error error;
  const slu_status status = slu_model_open_memory(copy, size, &model, &error);
  require((status == SLU_OK) == (model != nullptr));
  if (status == SLU_OK && slu_model_info(model)->context_bytes < (64u << 20)) {
    if (slu_context_create(model, nullptr, &context, &error) == SLU_OK) {
      // The second is a question and a passage of several windows, for models that read pairs.
      const char *texts[] = {"play abc 100ml \xe7\x9a\x84",
                             "play\tabc 100ml \xe7\x9a\x84 a b c d e f \xf0\x9f\x98\x80 g h i j k l m"};
      for (const char *text : texts) {
        const slu_result *result;
        require(slu_parse(context, text, strlen(text), &result) == SLU_OK);
        require(result->score >= 0 && result->score <= 1.001f);
        for (uint32_t i = 0; i < result->slot_count; ++i) {
          const slu_slot &slot = result->slots[i];
          require(slot.byte_start < slot.byte_end && slot.byte_end <= strlen(text));
        }
      }
      slu_context_free(context);
    }
  }
  slu_model_close(model);
  free(copy);
  return 0;
}
