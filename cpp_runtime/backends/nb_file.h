// The head of a .nb file of Paddle Lite.
#pragma once

#include <string>

namespace slu {

// The version of Paddle Lite that wrote the file at `path`, such as "v2.13-rc", at most 16 characters. Throws a Failure
// for a file of another kind or layout, and for one that `slu export` made for another processor, on which Paddle Lite
// ends the process.
std::string nb_version(const std::string &path);

}  // namespace slu
