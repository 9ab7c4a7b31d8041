// Names of tensors in the model file.
#pragma once

#include "base.h"

namespace slu {

// Makes names such as "blk.12.attn_qkv.weight".
class Name {
 public:
  explicit Name(View text) { add(text); }
  Name(View prefix, uint32_t index, View text) {
    add(prefix);
    char digits[10];
    size_t count = 0;
    do digits[count++] = static_cast<char>('0' + index % 10);
    while (index /= 10);
    while (count) add(View(&digits[--count], 1));
    add(text);
  }
  Name with(View suffix) const {
    Name name = *this;
    name.add(suffix);
    return name;
  }
  View view() const { return View(text_, bytes_); }

 private:
  void add(View text) {
    for (size_t i = 0; i < text.bytes && bytes_ < sizeof text_; ++i) text_[bytes_++] = text.data[i];
  }
  char text_[64];
  size_t bytes_ = 0;
};

}  // namespace slu
