#include "errors.h"

#include <cstdio>

int fail(const std::string &message) {
  fflush(stdout);
  fprintf(stderr, "slu-cli: error: %s\n", message.c_str());
  return 2;
}
