// Any bytes as text that is normalised: a status, or tokens in order that begin and end with what they are made of; and
// as a list of names, which is matched with the same text.
#include <string.h>

#include <vector>

#include "fuzz_model.h"

namespace {

// White space and marks that no token of normalised text begins or ends with.
bool is_edge(const uint8_t *text, size_t left) {
  static const char *const marks[] = {" ",
                                      "\t",
                                      "\"",
                                      "<",
                                      ">",
                                      "[",
                                      "]",
                                      "\\",
                                      "^",
                                      "`",
                                      "{",
                                      "|",
                                      "}",
                                      "\xc2\xa0",           // no-break space
                                      "\xe3\x80\x80",       // ideographic space
                                      "\xe3\x80\x82",       // full stop
                                      "\xe3\x80\x8a",       // left double angle bracket
                                      "\xe3\x80\x8b",       // right double angle bracket
                                      "\xe2\x80\x9c",       // left double quotation mark
                                      "\xe2\x80\x9d",       // right double quotation mark
                                      "\xe2\x80\xa6",       // ellipsis
                                      "\xe3\x80\x81",       // ideographic comma
                                      "\xe3\x80\x90",       // left lenticular bracket
                                      "\xef\xbd\xa2",       // half-width left corner bracket
                                      "\xef\xbf\xa5",       // full-width yen sign
                                      "\xc3\x97",           // multiplication sign
                                      "\xe2\x86\x92",       // rightwards arrow
                                      "\xe2\x97\xbe",       // black medium small square
                                      "\xf0\x9f\x8e\xb5"};  // musical note
  for (const char *mark : marks)
    if (strlen(mark) <= left && !memcmp(text, mark, strlen(mark))) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slu_context *context = fuzz_context();
  const slu_info &info = *slu_model_info(fuzz_model());
  const auto *text = reinterpret_cast<const char *>(data);
  slu_context_change_lexicon(context, SLU_LEXICON_REPLACE, info.slots[0], text, size, nullptr);
  const slu_tokens *tokens;
  const slu_status status = slu_tokenize(context, text, size, &tokens);
  if (status == SLU_ERROR_INVALID_UTF8) return 0;
  require(status == SLU_OK && tokens->count >= 2 && tokens->count <= info.max_tokens);
  std::vector<size_t> begins;  // of code points
  for (size_t i = 0; i < size; ++i)
    if ((data[i] & 0xc0) != 0x80) begins.push_back(i);
  uint32_t previous = 0;
  for (uint32_t i = 1; i + 1 < tokens->count; ++i) {
    require(tokens->starts[i] >= previous && tokens->ends[i] > tokens->starts[i]);
    previous = tokens->ends[i];
    require(previous <= begins.size());
    require(!is_edge(data + begins[tokens->starts[i]], size - begins[tokens->starts[i]]));
    require(!is_edge(data + begins[previous - 1], size - begins[previous - 1]));
  }
  std::vector<float> flags(size_t{info.max_tokens} * info.flag_count);
  require(slu_flags(context, text, size, flags.data(), flags.size()) == SLU_OK);
  return 0;
}
