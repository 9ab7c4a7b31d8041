// How slu-cli fails.
#pragma once

#include <string>

// Prints "slu-cli: error: ..." to standard error, after what standard output still holds. Returns the exit code, 2.
int fail(const std::string &message);
