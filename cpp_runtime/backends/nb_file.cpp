#include "nb_file.h"

#include <cstring>

#include "../src/os.h"
#include "runtime.h"

namespace slu {

namespace {

#if defined(__x86_64__) || defined(__i386__)
constexpr const char *kOwn = ".x86.", *kOther = ".arm.";
#else
constexpr const char *kOwn = ".arm.", *kOther = ".x86.";
#endif

}  // namespace

// uint16 layout (2 since Paddle Lite 2.8), char[16] version, uint64 bytes of the program, program, parameters.
std::string nb_version(const std::string &path) {
  constexpr uint16_t kLayout = 2;
  constexpr size_t kVersion = 16, kHead = sizeof kLayout + kVersion + sizeof(uint64_t);
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.find(kOther) != std::string::npos)
    throw Failure(SLU_ERROR_KERNEL,
                  std::string("made for another processor; give the ") + kOwn + "nb file of the bundle");
  Mapping file;
  if (!os_map(path.c_str(), &file)) throw Failure(SLU_ERROR_FILE, "cannot be opened, or is empty");
  uint16_t layout = 0;
  uint64_t program = 0;
  std::string version;
  const size_t bytes = file.bytes;
  if (bytes >= kHead) {
    copy_bytes(&layout, file.data, sizeof layout);
    copy_bytes(&program, file.data + kHead - sizeof program, sizeof program);
    const char *text = reinterpret_cast<const char *>(file.data + sizeof layout);
    version.assign(text, strnlen(text, kVersion));
  }
  os_unmap(file);
  if (layout != kLayout || version.empty() || program > bytes - kHead)
    throw Failure(SLU_ERROR_FORMAT,
                  "not a .nb file of Paddle Lite 2.8 or newer, or truncated; export it again");
  return version;
}

}  // namespace slu
