/* The header is C: this file is compiled as C11, with every warning an error, and linked with the shared library. */
#include <slu/slu.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
  slu_model *model = NULL;
  slu_context *context = NULL;
  const slu_result *result = NULL;
  slu_error error;
  if (count != 3) return 2;
  if (slu_model_open(arguments[1], &model, &error) != SLU_OK ||
      slu_context_create(model, NULL, &context, &error) != SLU_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  if (slu_parse(context, arguments[2], strlen(arguments[2]), &result) != SLU_OK) {
    fprintf(stderr, "%s\n", slu_context_message(context));
    return 1;
  }
  printf("%s %.6f %u\n", result->intent, (double)result->score, result->slot_count);
  slu_context_free(context);
  slu_model_close(model);
  return 0;
}
