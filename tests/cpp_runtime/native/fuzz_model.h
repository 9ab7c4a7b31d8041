// The golden model, opened once for a fuzz target.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "slu/slu.h"

inline slu_context *fuzz_context() {
  static slu_context *context = nullptr;
  if (context) return context;
  slu_model *model;
  slu_error error;
  if (slu_model_open(SLU_FUZZ_MODEL, &model, &error) != SLU_OK ||
      slu_context_create(model, nullptr, &context, &error) != SLU_OK) {
    fprintf(stderr, "%s\n", error.message);
    abort();
  }
  return context;
}

// What has to hold, with or without assertions.
inline void require(bool truth) {
  if (!truth) abort();
}
