// Writing JSON as slu.tables.json_line does, so that slu-cli and `slu parse` print the same.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

class Json {
 public:
  Json &open(char bracket) {
    comma();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Json &close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  Json &key(const char *name) {
    string(name, std::char_traits<char>::length(name));
    text_ += ": ";
    first_ = true;
    return *this;
  }
  Json &string(const char *data, size_t bytes);
  Json &string(const std::string &text) { return string(text.data(), text.size()); }
  Json &number(uint64_t value) { return raw(std::to_string(value)); }
  // Shortest form of a value between 0 and 1 rounded to 6 digits: Python's repr(round(value, 6)).
  Json &rounded(double value);
  Json &milliseconds(double value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.6f", value);
    return raw(digits);
  }
  Json &boolean(bool value) { return raw(value ? "true" : "false"); }
  const std::string &text() const { return text_; }

 private:
  void comma() {
    if (!first_) text_ += ", ";
    first_ = false;
  }
  Json &raw(const std::string &value) {
    comma();
    text_ += value;
    return *this;
  }
  std::string text_;
  bool first_ = true;
};
