// WebAssembly without any import: memory is that of the module, there are no files and no other threads.
#include "os.h"
#include "os_cpu_wasm.h"

extern "C" unsigned char __heap_base;  // where the linker's own data end

namespace slu {
namespace {

constexpr size_t kPage = 65536, kUnit = 64;
constexpr size_t kMostPages = 16384;  // 1 GiB: so that a damaged model cannot take all of a browser's memory

// What is free, by ascending addresses; neighbours are one.
struct Free {
  Free *next;
  size_t bytes;
};
Free *first_free = nullptr;
bool began = false;

uintptr_t address(const void *place) { return reinterpret_cast<uintptr_t>(place); }

void give_back(uintptr_t begin, size_t bytes) {
  Free **link = &first_free, *before = nullptr;
  while (*link && address(*link) < begin) {
    before = *link;
    link = &before->next;
  }
  auto *block = reinterpret_cast<Free *>(begin);
  block->bytes = bytes;
  block->next = *link;
  *link = block;
  if (block->next && begin + block->bytes == address(block->next)) {
    block->bytes += block->next->bytes;
    block->next = block->next->next;
  }
  if (before && address(before) + before->bytes == begin) {
    before->bytes += block->bytes;
    before->next = block->next;
  }
}

// The first free piece that is large enough, or null.
void *find_free(size_t bytes) {
  for (Free **link = &first_free; *link; link = &(*link)->next) {
    Free *found = *link;
    if (found->bytes < bytes) continue;
    if (found->bytes == bytes) {
      *link = found->next;
    } else {
      auto *rest = reinterpret_cast<Free *>(address(found) + bytes);
      rest->bytes = found->bytes - bytes;
      rest->next = found->next;
      *link = rest;
    }
    return found;
  }
  return nullptr;
}

}  // namespace

bool os_map(const char *, Mapping *) { return false; }
void os_unmap(Mapping) {}

void *os_allocate(size_t bytes) {
  if (bytes > SIZE_MAX / 2) return nullptr;
  if (!began) {
    began = true;
    const size_t begin = round_up(address(&__heap_base), kUnit), end = __builtin_wasm_memory_size(0) * kPage;
    if (end > begin) give_back(begin, end - begin);
  }
  bytes = round_up(bytes ? bytes : 1, kUnit);
  void *found = find_free(bytes);
  if (!found) {
    const size_t pages = (bytes + kPage - 1) / kPage;
    if (__builtin_wasm_memory_size(0) + pages > kMostPages) return nullptr;
    const size_t old = __builtin_wasm_memory_grow(0, pages);
    if (old == SIZE_MAX) return nullptr;
    give_back(old * kPage, pages * kPage);
    found = find_free(bytes);
  }
  return __builtin_memset(found, 0, bytes);
}

void os_free(void *memory, size_t bytes) { give_back(address(memory), round_up(bytes ? bytes : 1, kUnit)); }

void os_yield() {}

Cpu os_cpu() { return cpu_wasm(); }

}  // namespace slu

// For JavaScript, which puts models and texts into the memory.
extern "C" {
SLU_API void *slu_wasm_allocate(size_t bytes) { return slu::os_allocate(bytes); }
SLU_API void slu_wasm_free(void *memory, size_t bytes) {
  if (memory) slu::os_free(memory, bytes);
}
}

// web/src/layout.js counts on these: change it with them.
static_assert(offsetof(slu_info, intents) == 48 && offsetof(slu_info, threshold) == 56 &&
              offsetof(slu_info, kernel) == 80 && offsetof(slu_info, uses_previous_intent) == 108 &&
              offsetof(slu_info, head) == 120);
static_assert(offsetof(slu_result, score) == 8 && offsetof(slu_result, slots) == 28 &&
              offsetof(slu_result, pinned) == 32 && offsetof(slu_result, labels) == 40);
static_assert(sizeof(slu_label) == 12 && offsetof(slu_label, index) == 4 && offsetof(slu_label, score) == 8);
static_assert(sizeof(slu_slot) == 24 && offsetof(slu_slot, start) == 8 && sizeof(slu_error) == 256);
