// Text files a line at a time.
#pragma once

#include <cstdio>
#include <string>

// Reads a line without its end (\n or \r\n); false at the end of the file.
bool read_line(FILE *file, std::string *line);
