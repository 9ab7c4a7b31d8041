// Numbers pieces of text in the order in which they come: finds what is there twice, in time linear in the text.
#pragma once

#include "base.h"

namespace slu {

class Names {
 public:
  static constexpr uint32_t kRefused = UINT32_MAX;

  // For up to `most` texts, which must outlive this. Without memory every text is refused.
  explicit Names(uint32_t most);
  Names(const Names &) = delete;
  Names &operator=(const Names &) = delete;
  ~Names();
  // The number of a text: that of an equal one before it, else the next one. kRefused for texts made to collide.
  uint32_t number(View text);
  // Whether there was no equal one.
  bool add(View text) {
    const uint32_t before = count_;
    return number(text) == before;
  }
  uint32_t count() const { return count_; }

 private:
  struct Entry {
    uint64_t hash;  // 0: free
    View text;
    uint32_t number;
  };
  Entry *entries_;
  uint64_t bytes_;
  uint32_t mask_ = 0, count_ = 0;
};

}  // namespace slu
