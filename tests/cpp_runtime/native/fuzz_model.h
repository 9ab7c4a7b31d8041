// The golden model, opened once for a fuzz target.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "slu/slu.h"

inline slu_model *fuzz_model() {
  static slu_model *model = nullptr;
  slu_error error;
  if (!model && slu_model_open(SLU_FUZZ_MODEL, &model, &error) != SLU_OK) {
    fprintf(stderr, "%s\n", error.message);
    abort();
  }
  return model;
}

inline slu_context *fuzz_context() {
  static slu_context *context = nullptr;
  slu_error error;
  if (!context && slu_context_create(fuzz_model(), nullptr, &context, &error) != SLU_OK) {
    fprintf(stderr, "%s\n", error.message);
    abort();
  }
  return context;
}

// What has to hold, with or without assertions.
inline void require(bool truth) {
  if (!truth) abort();
}
