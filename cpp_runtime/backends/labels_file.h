// labels.gguf of a bundle: the vocabulary, labels and threshold of the model (read by src/model.cpp), and the sizes and
// checksums of the network files beside it.
#pragma once

#include <string>

#include "runtime.h"

namespace slu {

// Throws unless labels.gguf, `bytes` at `data`, describes the file `name` of its `directory`, and the file that is there
// is the one described. Returns its size.
uint64_t check_network_file(const uint8_t *data, size_t bytes, const std::string &directory,
                            const std::string &name);

// CRC-32 as zlib computes it.
uint32_t crc32(const uint8_t *data, size_t bytes);

}  // namespace slu
