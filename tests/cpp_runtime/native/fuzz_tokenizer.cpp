// Any bytes as text: a status, or tokens in order that lie inside the text.
#include "fuzz_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const slu_tokens *tokens;
  const slu_status status = slu_tokenize(fuzz_context(), reinterpret_cast<const char *>(data), size, &tokens);
  if (status == SLU_ERROR_INVALID_UTF8) return 0;
  require(status == SLU_OK && tokens->count >= 2);
  uint32_t previous = 0;
  for (uint32_t i = 1; i + 1 < tokens->count; ++i) {
    require(tokens->starts[i] >= previous && tokens->ends[i] > tokens->starts[i] && tokens->ends[i] <= size);
    previous = tokens->ends[i];
  }
  return 0;
}
