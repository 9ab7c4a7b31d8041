#include "gguf.h"

#include "names.h"

namespace slu {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
constexpr uint64_t kMostTensors = 8192, kMostKeys = 65536;  // bounds the time that a hostile file can take
constexpr uint32_t kDefaultAlignment = 32;

// Bytes of a scalar of a GGUF value type; 0 for strings, arrays and unknown types.
size_t scalar_bytes(uint32_t type) {
  constexpr uint8_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < sizeof kBytes ? kBytes[type] : 0;
}

// Bytes of a number of a tensor; 1 for types that are not handed out.
uint64_t number_bytes(uint32_t type) {
  switch (static_cast<TensorType>(type)) {
    case TensorType::kFloat32:
    case TensorType::kInt32:
      return 4;
    case TensorType::kInt16:
      return 2;
    case TensorType::kInt64:
      return 8;
    default:
      return 1;
  }
}

bool skip_string(Cursor *cursor) {
  View ignored;
  return cursor->string(&ignored);
}

// Steps over a value; reports the element type and number of an array.
bool skip_value(Cursor *cursor, uint32_t type, uint32_t *element, uint64_t *count) {
  if (type == static_cast<uint32_t>(ValueType::kString)) return skip_string(cursor);
  if (type != static_cast<uint32_t>(ValueType::kArray)) {
    const size_t bytes = scalar_bytes(type);
    return bytes && cursor->skip(bytes);
  }
  if (!cursor->number(element) || !cursor->number(count)) return false;
  if (*element == static_cast<uint32_t>(ValueType::kString)) {
    // Every string takes at least the 8 bytes of its length, so this ends soon whatever count says.
    for (uint64_t i = 0; i < *count; ++i)
      if (!skip_string(cursor)) return false;
    return true;
  }
  const size_t bytes = scalar_bytes(*element);  // arrays of arrays are refused
  return bytes && *count <= cursor->left() / bytes && cursor->skip(*count * bytes);
}

}  // namespace

slu_status Gguf::open(const uint8_t *data, size_t bytes, Key *keys, size_t key_count, Message &message) {
  Cursor cursor(data, bytes);
  uint32_t magic, version = 0;
  uint64_t tensor_count, pair_count;
  if (!cursor.number(&magic) || magic != kMagic) {
    message << "not a GGUF file; give the model.gguf of a bundle";
    return SLU_ERROR_FORMAT;
  }
  if (!cursor.number(&version) || version != kVersion) {
    message << "GGUF version " << uint64_t{version} << ", this library reads version " << uint64_t{kVersion};
    return SLU_ERROR_VERSION;
  }
  if (!cursor.number(&tensor_count) || !cursor.number(&pair_count) || tensor_count > kMostTensors ||
      pair_count > kMostKeys || bytes > kMostFileBytes) {
    message << "the header is damaged, or the file larger than 2 GiB; copy or export the file again";
    return SLU_ERROR_FORMAT;
  }
  uint32_t alignment = kDefaultAlignment;
  const slu_status status = read_keys(&cursor, pair_count, keys, key_count, &alignment, message);
  if (status != SLU_OK) return status;
  tensors_ = next_ = cursor;
  tensor_count_ = tensor_count;
  Names names(static_cast<uint32_t>(tensor_count));
  uint64_t total = 0;
  for (uint64_t i = 0; i < tensor_count; ++i) {
    Tensor tensor;
    if (!read_tensor(&cursor, &tensor)) {
      message << "truncated or damaged at tensor " << i << "; copy or export the file again";
      return SLU_ERROR_FORMAT;
    }
    if (!names.add(tensor.name)) {
      message << "the tensor " << tensor.name << " is there twice; export the model again";
      return SLU_ERROR_FORMAT;
    }
    uint64_t size = number_bytes(tensor.type);
    bool fits = true;
    for (uint32_t d = 0; d < tensor.dimensions; ++d)
      fits = fits && !__builtin_mul_overflow(size, tensor.shape[d], &size);
    // More than the file has would mean that some overlap: all of them are read once, and that shall take no longer.
    fits = fits && size <= bytes - total;
    if (!fits) {
      message << "truncated, or the tensor " << tensor.name << " is larger than the file; copy it again";
      return SLU_ERROR_FORMAT;
    }
    total += size;
  }
  const auto used = static_cast<size_t>(cursor.next() - data);
  const bool good = alignment >= 4 && alignment <= 65536 && (alignment & (alignment - 1)) == 0;
  if (!good || round_up(used, alignment) > bytes) {
    message << "truncated or damaged before the tensors; copy or export the file again";
    return SLU_ERROR_FORMAT;
  }
  values_ = data + round_up(used, alignment);
  value_bytes_ = bytes - round_up(used, alignment);
  return SLU_OK;
}

slu_status Gguf::read_keys(Cursor *cursor, uint64_t count, Key *keys, size_t key_count, uint32_t *alignment,
                           Message &message) {
  Names names(static_cast<uint32_t>(count));
  for (uint64_t i = 0; i < count; ++i) {
    View name;
    uint32_t type, element = 0;
    uint64_t elements = 1;
    if (!cursor->string(&name) || !cursor->number(&type)) {
      message << "truncated or damaged before key " << i << "; copy or export the file again";
      return SLU_ERROR_FORMAT;
    }
    const Cursor begin = *cursor;
    if (!skip_value(cursor, type, &element, &elements)) {
      message << "truncated or damaged at key " << name << "; copy or export the file again";
      return SLU_ERROR_FORMAT;
    }
    // Readers would differ in which of the two counts.
    if (!names.add(name)) {
      message << "the key " << name << " is there twice; export the model again";
      return SLU_ERROR_FORMAT;
    }
    const bool array = type == static_cast<uint32_t>(ValueType::kArray);
    constexpr size_t kArrayHead = sizeof(uint32_t) + sizeof(uint64_t);
    const size_t head = array ? kArrayHead : 0;
    if (name == "general.alignment" && type == static_cast<uint32_t>(ValueType::kUint32))
      copy_bytes(alignment, begin.next(), sizeof *alignment);
    for (size_t k = 0; k < key_count; ++k) {
      Key &key = keys[k];
      if (key.found || !(name == key.name)) continue;
      // Not as if it were absent, which means something where a key is optional.
      if (type != static_cast<uint32_t>(key.type) ||
          (array && element != static_cast<uint32_t>(key.element))) {
        message << "missing or of another type: the key " << name << "; export the model again";
        return SLU_ERROR_FORMAT;
      }
      key.found = true;
      key.count = elements;
      key.data = begin.next() + head;
      key.bytes = static_cast<size_t>(cursor->next() - key.data);
    }
  }
  return SLU_OK;
}

bool Gguf::read_tensor(Cursor *cursor, Tensor *tensor) {
  if (!cursor->string(&tensor->name) || !cursor->number(&tensor->dimensions)) return false;
  if (tensor->dimensions < 1 || tensor->dimensions > 4) return false;
  for (uint32_t i = 0; i < tensor->dimensions; ++i)
    if (!cursor->number(&tensor->shape[i])) return false;
  return cursor->number(&tensor->type) && cursor->number(&tensor->offset);
}

bool Gguf::find(View name, Tensor *tensor) const {
  for (uint64_t seen = 0; seen < tensor_count_; ++seen) {
    if (next_index_ == tensor_count_) {
      next_ = tensors_;
      next_index_ = 0;
    }
    if (!read_tensor(&next_, tensor)) return false;
    ++next_index_;
    if (tensor->name == name) return true;
  }
  return false;
}

bool Gguf::tensor_type(View name, TensorType *type) const {
  Tensor tensor;
  if (!find(name, &tensor)) return false;
  *type = static_cast<TensorType>(tensor.type);
  return true;
}

bool Gguf::tensor_length(View name, uint64_t *length) const {
  Tensor tensor;
  if (!find(name, &tensor) || tensor.dimensions != 1) return false;
  *length = tensor.shape[0];
  return true;
}

const uint8_t *Gguf::tensor(View name, TensorType type, const uint64_t *shape, uint32_t dimensions) const {
  Tensor tensor;
  if (!find(name, &tensor) || tensor.type != static_cast<uint32_t>(type)) return nullptr;
  if (tensor.dimensions != dimensions || tensor.offset % 4) return nullptr;
  uint64_t bytes = number_bytes(tensor.type);
  for (uint32_t i = 0; i < dimensions; ++i) {
    if (tensor.shape[i] != shape[dimensions - 1 - i]) return nullptr;
    if (__builtin_mul_overflow(bytes, tensor.shape[i], &bytes)) return nullptr;
  }
  if (tensor.offset > value_bytes_ || bytes > value_bytes_ - tensor.offset) return nullptr;
  return values_ + tensor.offset;
}

}  // namespace slu
