// Reads GGUF version 3 in place (https://github.com/ggerganov/ggml/blob/master/docs/gguf.md). Trusts nothing in it.
#pragma once

#include "base.h"

namespace slu {

// Value types of GGUF that this reader hands out; all the others are stepped over.
enum class ValueType : uint32_t {
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kString = 8,
  kArray = 9,
  kFloat64 = 12
};
// Tensor types, as ggml numbers them.
enum class TensorType : uint32_t { kFloat32 = 0, kInt8 = 24, kInt16 = 25, kInt32 = 26, kInt64 = 27 };

constexpr uint64_t kMostFileBytes = uint64_t{1} << 31;  // no model for a phone is larger

// Walks over little-endian data and never past its end.
class Cursor {
 public:
  Cursor(const uint8_t *data, size_t bytes) : next_(data), left_(bytes) {}
  template <class T>
  bool number(T *value) {
    if (left_ < sizeof(T)) return false;
    copy_bytes(value, next_, sizeof(T));
    return skip(sizeof(T));
  }
  bool string(View *text) {
    uint64_t bytes;
    if (!number(&bytes) || bytes > left_) return false;
    *text = View(reinterpret_cast<const char *>(next_), static_cast<size_t>(bytes));
    return skip(bytes);
  }
  bool skip(uint64_t bytes) {
    if (bytes > left_) return false;
    next_ += bytes;
    left_ -= static_cast<size_t>(bytes);
    return true;
  }
  const uint8_t *next() const { return next_; }
  size_t left() const { return left_; }

 private:
  const uint8_t *next_;
  size_t left_;
};

// A key to look for. After Gguf::open, `found` says whether it is there with the type (and element type) asked for.
struct Key {
  const char *name;
  ValueType type;
  ValueType element = ValueType::kUint32;  // of an array
  bool found = false;
  uint64_t count = 1;             // of an array
  const uint8_t *data = nullptr;  // the value; strings begin with their length
  size_t bytes = 0;

  template <class T>
  T number(size_t i = 0) const {
    T value;
    copy_bytes(&value, data + i * sizeof(T), sizeof(T));
    return value;
  }
  // The strings of an array or the string of a scalar, one after the other. They were checked by Gguf::open.
  Cursor strings() const { return Cursor(data, bytes); }
};

class Gguf {
 public:
  // Check the structure of the whole file, and find `keys`. `data` must outlive this.
  slu_status open(const uint8_t *data, size_t bytes, Key *keys, size_t key_count, Message &message);

  // The data of a tensor, aligned to 4 bytes; null unless its type and shape (fastest dimension last, as NumPy prints
  // it) are these and it lies inside the file.
  const uint8_t *tensor(View name, TensorType type, const uint64_t *shape, uint32_t dimensions) const;
  // Type of a tensor; false when there is none of that name.
  bool tensor_type(View name, TensorType *type) const;
  // Length of a tensor of one dimension; false when there is none of that name.
  bool tensor_length(View name, uint64_t *length) const;

 private:
  struct Tensor {
    View name;
    uint32_t dimensions;
    uint64_t shape[4];  // fastest first, as in the file
    uint32_t type;
    uint64_t offset;
  };
  static bool read_tensor(Cursor *cursor, Tensor *tensor);
  // Step over the pairs: find `keys`, and the alignment.
  slu_status read_keys(Cursor *cursor, uint64_t count, Key *keys, size_t key_count, uint32_t *alignment,
                       Message &message);
  bool find(View name, Tensor *tensor) const;

  Cursor tensors_{nullptr, 0};  // descriptions of the tensors
  uint64_t tensor_count_ = 0;
  const uint8_t *values_ = nullptr;  // their data
  size_t value_bytes_ = 0;
  // Where the search for the next name begins: files hold tensors in the order in which they are asked for.
  mutable Cursor next_{nullptr, 0};
  mutable uint64_t next_index_ = 0;
};

}  // namespace slu
