#include "lines.h"

bool read_line(FILE *file, std::string *line) {
  line->clear();
  int c = 0;
  while ((c = getc(file)) != EOF && c != '\n') line->push_back(static_cast<char>(c));
  if (c == EOF && line->empty()) return false;
  if (!line->empty() && line->back() == '\r') line->pop_back();
  return true;
}
