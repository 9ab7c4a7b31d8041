// Text files a line at a time.
#pragma once

#include <cstdio>
#include <string>

// Opens a file to read it; a reason in `why` and nullptr for a pipe, at which opening would wait, a device, a directory.
FILE *open_regular(const std::string &path, std::string *why);

// Reads a line without its end (\n or \r\n); false at the end of the file.
bool read_line(FILE *file, std::string *line);
