#include "labels_file.h"

#include <array>

#include "../src/gguf.h"
#include "../src/os.h"

namespace slu {
namespace {

// table[0] is that of one byte at a time; with the others, eight bytes take one step (Kounavis and Berry, 2005).
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

CrcTables make_tables() {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    tables[0][byte] = crc;
  }
  for (size_t t = 1; t < 8; ++t)
    for (uint32_t byte = 0; byte < 256; ++byte)
      tables[t][byte] = tables[t - 1][byte] >> 8 ^ tables[0][tables[t - 1][byte] & 255];
  return tables;
}

}  // namespace

uint32_t crc32(const uint8_t *data, size_t bytes) {
  static const CrcTables tables = make_tables();
  uint32_t crc = 0xffffffffu;
  for (; bytes >= 8; bytes -= 8, data += 8) {
    uint32_t low, high;
    copy_bytes(&low, data, 4);
    copy_bytes(&high, data + 4, 4);
    low ^= crc;
    crc = 0;
    for (size_t i = 0; i < 4; ++i)
      crc ^= tables[7 - i][low >> 8 * i & 255] ^ tables[3 - i][high >> 8 * i & 255];
  }
  for (; bytes; --bytes) crc = crc >> 8 ^ tables[0][(crc ^ *data++) & 255];
  return ~crc;
}

uint64_t check_network_file(const uint8_t *data, size_t bytes, const std::string &directory,
                            const std::string &name) {
  const std::string path = directory + name;
  enum { kFiles, kBytes, kCrc, kKeyCount };
  Key keys[kKeyCount] = {{"ernie-slu.networks.files", ValueType::kArray, ValueType::kString},
                         {"ernie-slu.networks.bytes", ValueType::kArray, ValueType::kInt32},
                         {"ernie-slu.networks.crc32", ValueType::kArray, ValueType::kInt32}};
  slu_error error;
  Message message(&error);
  Gguf gguf;
  const slu_status status = gguf.open(data, bytes, keys, kKeyCount, message);
  if (status != SLU_OK) throw Failure(status, directory + "labels.gguf: " + error.message);
  const uint64_t count = keys[kFiles].found ? keys[kFiles].count : 0;
  if (!count || !keys[kBytes].found || !keys[kCrc].found || keys[kBytes].count != count ||
      keys[kCrc].count != count)
    throw Failure(SLU_ERROR_FORMAT,
                  directory + "labels.gguf: lists no network files; export the bundle again");
  Cursor names = keys[kFiles].strings();
  for (uint64_t i = 0; i < count; ++i) {
    View listed;
    names.string(&listed);
    if (!(listed == View(name.data(), name.size()))) continue;
    Mapping file;
    if (!os_map(path.c_str(), &file) || !file.bytes)
      throw Failure(SLU_ERROR_FILE, path + ": cannot be opened, or is empty");
    const auto size = static_cast<uint64_t>(keys[kBytes].number<uint32_t>(i));
    const bool whole = file.bytes == size;
    const bool same = whole && crc32(file.data, file.bytes) == keys[kCrc].number<uint32_t>(i);
    const uint64_t there = file.bytes;
    os_unmap(file);
    if (!whole)
      throw Failure(SLU_ERROR_FORMAT, path + ": " + std::to_string(there) + " bytes, labels.gguf says " +
                                          std::to_string(size) + "; copy the bundle again");
    if (!same)
      throw Failure(SLU_ERROR_FORMAT,
                    path + ": not the file that labels.gguf describes; copy the bundle again");
    return size;
  }
  throw Failure(SLU_ERROR_FORMAT,
                path + ": not among the networks that labels.gguf describes; export the bundle again");
}

}  // namespace slu
