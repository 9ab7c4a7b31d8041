#include "json.h"

namespace {

// The code point that begins at `i`, if it is one that terminals obey: DEL, C1 controls, those of the bidirectional
// algorithm, line breaks. 0 for others.
uint32_t terminal_control(const char *data, size_t bytes, size_t i) {
  const auto at = [&](size_t n) { return i + n < bytes ? static_cast<unsigned char>(data[i + n]) : 0u; };
  if (at(0) == 0x7f) return 0x7f;
  if (at(0) == 0xc2 && at(1) >= 0x80 && at(1) < 0xa0) return at(1);
  if (at(0) == 0xd8 && at(1) == 0x9c) return 0x61c;
  if (at(0) != 0xe2 || at(2) < 0x80) return 0;
  const uint32_t code = 0x2000 + ((at(1) & 0x3f) << 6) + (at(2) & 0x3f);
  const bool control = code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
                       (code >= 0x2066 && code <= 0x2069);
  return control ? code : 0;
}

}  // namespace

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
    } else if (const uint32_t code = terminal_control(data, bytes, i)) {
      snprintf(escape, sizeof escape, "\\u%04x", code & 0xffff);
      text_ += escape;
      i += code < 0x80 ? 0 : code < 0x800 ? 1 : 2;
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
