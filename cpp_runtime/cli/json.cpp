#include "json.h"

Json &Json::string(const char *data, size_t bytes) {
  comma();
  text_ += '"';
  for (size_t i = 0; i < bytes; ++i) {
    const auto c = static_cast<unsigned char>(data[i]);
    char escape[8];
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += static_cast<char>(c);
    } else if (c == '\n') {
      text_ += "\\n";
    } else if (c == '\r') {
      text_ += "\\r";
    } else if (c == '\t') {
      text_ += "\\t";
    } else if (c == '\b') {
      text_ += "\\b";
    } else if (c == '\f') {
      text_ += "\\f";
    } else if (c < 32) {
      snprintf(escape, sizeof escape, "\\u%04x", c);
      text_ += escape;
    } else {
      text_ += static_cast<char>(c);
    }
  }
  text_ += '"';
  return *this;
}

Json &Json::rounded(double value) {
  char digits[32];
  snprintf(digits, sizeof digits, "%.6f", value);
  std::string text = digits;
  // Python writes values below 1e-4 with an exponent; with 6 digits those are 1 to 99 millionths.
  if (text.compare(0, 6, "0.0000") == 0 && text != "0.000000") {
    const char tens = text[6], ones = text[7];
    if (tens == '0') return raw(std::string(1, ones) + "e-06");
    return raw(std::string(1, tens) + (ones == '0' ? "" : std::string(".") + ones) + "e-05");
  }
  while (text.back() == '0' && text[text.size() - 2] != '.') text.pop_back();
  return raw(text);
}
