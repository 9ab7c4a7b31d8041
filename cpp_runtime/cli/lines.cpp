#include "lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *open_regular(const std::string &path, std::string *why) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat about;
  *why = "cannot be opened";
  if (descriptor < 0) return nullptr;
  FILE *file = nullptr;
  if (fstat(descriptor, &about) == 0) {
    if (S_ISREG(about.st_mode))
      file = fdopen(descriptor, "r");
    else
      *why = S_ISDIR(about.st_mode) ? "is a directory" : "is a pipe or a device; write its content to a file";
  }
  if (!file) close(descriptor);
  return file;
}

bool read_line(FILE *file, std::string *line) {
  line->clear();
  int c = 0;
  while ((c = getc(file)) != EOF && c != '\n') line->push_back(static_cast<char>(c));
  if (c == EOF && line->empty()) return false;
  if (!line->empty() && line->back() == '\r') line->pop_back();
  return true;
}
