/* Parses the lines of standard input as one dialogue. After `make engine`:
 *
 *   cc -Icpp_runtime/include examples/c/parse.c -o build/parse build/host/libslu.so -Wl,-rpath,"$PWD/build/host"
 *   echo 来一首周华健的花心 | build/parse models/nlpcc2018-nano/model.gguf
 *
 * A second argument names a file of contacts, one a line, which the model is to know as well. */
#include <slu/slu.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *message) {
  fprintf(stderr, "parse: error: %s\n", message);
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 2) return fail("usage: parse MODEL.gguf [CONTACTS.txt] < UTTERANCES.txt");
  slu_error error;
  slu_model *model;     /* one a process; any number of threads may use it */
  slu_context *context; /* one a thread */
  if (slu_model_open(argv[1], &model, &error) != SLU_OK) return fail(error.message);
  if (argc > 2 &&
      slu_model_change_lexicon_file(model, SLU_LEXICON_ADD, "contact_name", argv[2], &error) != SLU_OK)
    return fail(error.message);
  if (slu_context_create(model, NULL, &context, &error) != SLU_OK) return fail(error.message);

  const int follows_dialogue = slu_model_info(model)->uses_previous_intent;
  if (follows_dialogue) slu_set_previous_intent(context, SLU_TURN_FIRST);
  char text[4096];
  while (fgets(text, sizeof text, stdin)) {
    const slu_result *result;
    text[strcspn(text, "\r\n")] = '\0';
    if (slu_parse(context, text, strlen(text), &result) != SLU_OK) return fail(slu_context_message(context));
    printf("%s %.3f%s", result->intent, result->score, result->understood ? "" : " (not understood)");
    for (uint32_t i = 0; i < result->slot_count; ++i) {
      const slu_slot *slot = &result->slots[i];
      printf(" %s=%.*s", slot->name, (int)(slot->byte_end - slot->byte_start), text + slot->byte_start);
    }
    puts("");
    if (follows_dialogue) slu_set_previous_intent(context, (int32_t)result->intent_index);
  }
  slu_context_free(context);
  slu_model_close(model);
  return 0;
}
