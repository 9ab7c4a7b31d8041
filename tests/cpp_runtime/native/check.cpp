// slu-check: compares kernels on this processor, native or under qemu. Prints a line a result; exits 1 on a difference.
//   slu-check products          every kernel against the plain one, exactly, on sizes that break kernels
//   slu-check digest MODEL      for every kernel a hash of all logits of fixed inputs: the same everywhere
//   slu-check threads MODEL N   N threads parse with one model; all must find the same
//   slu-check lexicon MODEL N   N threads match while two others change the lists of the first two slots
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../cpp_runtime/src/context.h"

#if !defined(__wasm__)  // which has no threads here
#include <pthread.h>
#endif

#if defined(__x86_64__)
namespace slu {
// kernels_avxvnni.cpp compiled for AVX-512, see CMakeLists.txt.
extern const Kernels kAvxVnniEvexKernels;
}  // namespace slu
#elif defined(__wasm_relaxed_simd__)
namespace slu {
// For processors with dot products of bytes, see cmake/wasm.cmake.
extern const Kernels kEmulatedSignedKernels, kEmulatedUnsignedKernels;
}  // namespace slu
#endif

namespace {

using slu::Kernels;

uint32_t state = 1;
uint32_t next_random() { return (state = state * 1664525u + 1013904223u) >> 8; }

// The kernels that run here and those that need not.
const Kernels *kernels_to_check(uint32_t index) {
  const Kernels *kernels = slu::kernels_at(index);
#if defined(__x86_64__)
  if (!kernels && slu::os_cpu().avx512_vnni && slu::kernels_at(index - 1)) return &slu::kAvxVnniEvexKernels;
#elif defined(__wasm_relaxed_simd__)
  if (!kernels && slu::kernels_at(index - 1)) return &slu::kEmulatedSignedKernels;
  if (!kernels && index > 1 && slu::kernels_at(index - 2)) return &slu::kEmulatedUnsignedKernels;
#endif
  return kernels;
}

template <class T>
T *allocate(size_t count) {
  return static_cast<T *>(calloc(count ? count : 1, sizeof(T)));
}

// Largest values everywhere (fill 1), or random ones, -128 among the weights.
bool check_products(const Kernels &kernels, uint32_t rows, uint32_t in, uint32_t out, int fill) {
  const auto in_padded = static_cast<uint32_t>(slu::round_up(in, 8));
  const auto out_padded = static_cast<uint32_t>(slu::round_up(out, slu::kLanes));
  const size_t weights = size_t{in_padded} * out_padded, inputs = size_t{rows} * in_padded;
  auto *weight = allocate<int8_t>(weights), *x = allocate<int8_t>(inputs),
       *shifted = allocate<int8_t>(inputs);
  auto *scratch = allocate<int8_t>(slu::round_up(rows, 8) * in_padded);
  auto *sums = allocate<int32_t>(out_padded);
  auto *found = allocate<int32_t>(size_t{rows} * out_padded),
       *expected = allocate<int32_t>(size_t{rows} * out_padded);
  for (uint32_t k = 0; k < in; ++k)
    for (uint32_t c = 0; c < out; ++c) {
      const auto value = static_cast<int8_t>(fill == 1 ? -128 : next_random() % 256);
      weight[((c / 16 * (in_padded / 4) + k / 4) * 16 + c % 16) * 4 + k % 4] = value;
      sums[c] += value;
    }
  for (size_t i = 0; i < inputs; ++i) {
    x[i] =
        static_cast<int8_t>(fill == 1 ? (i % 7 ? 127 : -127) : static_cast<int>(next_random() % 255) - 127);
    shifted[i] = static_cast<int8_t>(x[i] + kernels.input_offset);
  }
  slu::Linear linear;
  linear.in = in;
  linear.in_padded = in_padded;
  linear.out = out;
  linear.out_padded = out_padded;
  linear.weight = weight;
  linear.sums = sums;
  kernels.products(linear, {shifted, in_padded, rows, scratch}, found);
  // The definition, on the unpacked matrix.
  for (uint32_t m = 0; m < rows; ++m)
    for (uint32_t c = 0; c < out; ++c)
      for (uint32_t k = 0; k < in; ++k)
        expected[size_t{m} * out_padded + c] +=
            x[size_t{m} * in_padded + k] *
            weight[((c / 16 * (in_padded / 4) + k / 4) * 16 + c % 16) * 4 + k % 4];
  bool same = true;
  for (uint32_t m = 0; m < rows; ++m)
    same &= !memcmp(found + size_t{m} * out_padded, expected + size_t{m} * out_padded, out * sizeof(int32_t));
  void *const memory[] = {weight, x, shifted, scratch, sums, found, expected};
  for (void *block : memory) free(block);
  return same;
}

int products() {
  const uint32_t row_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 25};
  const struct {
    uint32_t in, out;
  } sizes[] = {{1, 1},   {3, 5},   {4, 16},    {7, 17},   {8, 15},   {15, 33},   {16, 32},  {17, 31},
               {31, 8},  {33, 24}, {63, 65},   {64, 64},  {65, 63},  {127, 129}, {128, 48}, {129, 40},
               {1, 300}, {300, 1}, {234, 312}, {936, 12}, {2049, 3}, {3, 2049}};
  int failures = 0;
  const Kernels *kernels;
  for (uint32_t i = 0; (kernels = kernels_to_check(i)) != nullptr; ++i) {
    int cases = 0;
    for (const auto &size : sizes)
      for (uint32_t rows : row_counts)
        for (int fill = 0; fill < 2; ++fill, ++cases)
          if (!check_products(*kernels, rows, size.in, size.out, fill)) {
            printf("%s differs: %u rows, %u inputs, %u outputs, fill %d\n", kernels->name, rows, size.in,
                   size.out, fill);
            ++failures;
          }
    printf("products %s %d\n", kernels->name, cases);
  }
  return failures != 0;
}

uint64_t digest(uint64_t hash, const void *data, size_t bytes) {
  const auto *text = static_cast<const uint8_t *>(data);
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ text[i]) * 1099511628211u;
  return hash;
}

int digests(const char *path) {
  slu_model *model;
  slu_error error;
  if (slu_model_open(path, &model, &error) != SLU_OK) {
    printf("%s\n", error.message);
    return 1;
  }
  const slu_info &info = *slu_model_info(model);
  const Kernels *kernels;
  for (uint32_t i = 0; (kernels = kernels_to_check(i)) != nullptr; ++i) {
    slu_context *context;
    slu::Message message(&error);
    if (slu::context_create(*model, *kernels, &context, message) != SLU_OK) return 1;
    uint64_t hash = 14695981039346656037u;
    state = 7;
    int32_t *ids = allocate<int32_t>(info.max_tokens);
    float *flags = allocate<float>(size_t{info.max_tokens} * info.flag_count);
    for (uint32_t count = 1; count <= info.max_tokens; count += count < 20 ? 1 : 7) {
      for (uint32_t t = 0; t < count; ++t) ids[t] = static_cast<int32_t>(next_random() % info.vocab_size);
      for (size_t i = 0; i < size_t{count} * info.flag_count; ++i) flags[i] = next_random() % 5 ? 0.0f : 1.0f;
      const slu_input input = {sizeof input, count, ids, info.flag_count ? flags : nullptr};
      const slu_logits *logits;
      if (slu_run(context, &input, &logits) != SLU_OK) return 1;
      hash = digest(hash, logits->intents, logits->intent_count * sizeof(float));
      hash = digest(hash, logits->slots, size_t{count} * logits->tag_count * sizeof(float));
    }
    const slu_result *result;
    if (slu_parse(context, "ab 1c", 5, &result) != SLU_OK) return 1;
    hash = digest(hash, &result->score, sizeof result->score);
    free(ids);
    free(flags);
    printf("digest %s %016llx\n", kernels->name, static_cast<unsigned long long>(hash));
    slu_context_free(context);
  }
  slu_model_close(model);
  return 0;
}

#if !defined(__wasm__)
struct Worker {
  pthread_t thread;
  const slu_model *model;
  uint64_t hash;
};

void *work(void *data) {
  auto *worker = static_cast<Worker *>(data);
  slu_context *context;
  if (slu_context_create(worker->model, nullptr, &context, nullptr) != SLU_OK) return nullptr;
  const char *texts[] = {"ab", "", "a b c d e", "1a2b", "\xe6\x9d\xa5\xe4\xb8\x80\xe9\xa6\x96"};
  for (int pass = 0; pass < 20; ++pass)
    for (const char *text : texts) {
      const slu_result *result;
      if (slu_parse(context, text, strlen(text), &result) != SLU_OK) return nullptr;
      worker->hash = digest(worker->hash, &result->score, sizeof result->score);
    }
  slu_context_free(context);
  return data;
}

int threads(const char *path, int count) {
  slu_model *model;
  slu_error error;
  if (slu_model_open(path, &model, &error) != SLU_OK) {
    printf("%s\n", error.message);
    return 1;
  }
  auto *workers = allocate<Worker>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    workers[i].model = model;
    pthread_create(&workers[i].thread, nullptr, work, &workers[i]);
  }
  bool same = true;
  for (int i = 0; i < count; ++i) {
    void *done;
    pthread_join(workers[i].thread, &done);
    same &= done && workers[i].hash == workers[0].hash;
  }
  free(workers);
  slu_model_close(model);
  printf("threads %d %s\n", count, same ? "same" : "different");
  return !same;
}

constexpr const char *kLists[2][2] = {{"a b\nc", "b c\na"}, {"1\nc", "a\n1a b"}};
constexpr const char *kListed = "a b c 1 a b";

struct Changes {
  pthread_t thread;
  slu_model *model;
  uint32_t slot;
  bool failed;
};

// The first slots' lists, each the one or the other of two.
void *change_lists(void *data) {
  auto *changes = static_cast<Changes *>(data);
  const char *slot = slu_model_info(changes->model)->slots[changes->slot];
  for (int pass = 0; pass < 1001; ++pass) {
    const char *list = kLists[changes->slot][pass % 2];
    if (slu_model_change_lexicon(changes->model, SLU_LEXICON_REPLACE, slot, list, strlen(list), nullptr) !=
        SLU_OK)
      changes->failed = true;
  }
  return nullptr;
}

struct Matcher {
  pthread_t thread;
  const slu_model *model;
  const float *expected[2][2];  // flags of each slot and list
  size_t size;                  // of the flags
  bool good;
};

// Whether the columns of the first two slots are those of the lists `first` and `second`.
bool same_columns(const Matcher &matcher, const float *flags, int first, int second) {
  const size_t columns = slu_model_info(matcher.model)->flag_count;
  for (size_t i = 0; i < matcher.size; ++i) {
    const size_t slot = i % columns / 4;
    if (slot < 2 && flags[i] - matcher.expected[slot][slot ? second : first][i] != 0) return false;
  }
  return true;
}

void *match_lists(void *data) {
  auto *matcher = static_cast<Matcher *>(data);
  slu_context *context;
  if (slu_context_create(matcher->model, nullptr, &context, nullptr) != SLU_OK) return nullptr;
  auto *flags = allocate<float>(matcher->size);
  matcher->good = true;
  for (int pass = 0; pass < 2000; ++pass) {
    matcher->good &= slu_flags(context, kListed, strlen(kListed), flags, matcher->size) == SLU_OK;
    bool known = false;
    for (int lists = 0; lists < 4; ++lists) known |= same_columns(*matcher, flags, lists / 2, lists % 2);
    matcher->good &= known;
  }
  free(flags);
  slu_context_free(context);
  return nullptr;
}

int lexicons(const char *path, int count) {
  slu_model *model;
  slu_context *context;
  slu_error error;
  if (slu_model_open(path, &model, &error) != SLU_OK ||
      slu_context_create(model, nullptr, &context, &error) != SLU_OK) {
    printf("%s\n", error.message);
    return 1;
  }
  Matcher matcher = {};
  const slu_tokens *tokens;
  if (slu_tokenize(context, kListed, strlen(kListed), &tokens) != SLU_OK) return 1;
  matcher.model = model;
  matcher.size = size_t{tokens->count} * slu_model_info(model)->flag_count;
  float *expected[4];
  for (uint32_t i = 0; i < 4; ++i) {
    expected[i] = allocate<float>(matcher.size);
    const char *list = kLists[i / 2][i % 2], *slot = slu_model_info(model)->slots[i / 2];
    if (slu_context_change_lexicon(context, SLU_LEXICON_REPLACE, slot, list, strlen(list), &error) !=
            SLU_OK ||
        slu_flags(context, kListed, strlen(kListed), expected[i], matcher.size) != SLU_OK)
      return 1;
    matcher.expected[i / 2][i % 2] = expected[i];
  }
  slu_context_free(context);
  Changes changes[2] = {{{}, model, 0, false}, {{}, model, 1, false}};
  // So that lists are there from the beginning.
  change_lists(&changes[0]);
  change_lists(&changes[1]);
  auto *matchers = allocate<Matcher>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    matchers[i] = matcher;
    pthread_create(&matchers[i].thread, nullptr, match_lists, &matchers[i]);
  }
  for (Changes &one : changes) pthread_create(&one.thread, nullptr, change_lists, &one);
  bool good = true;
  for (Changes &one : changes) {
    pthread_join(one.thread, nullptr);
    good &= !one.failed;
  }
  for (int i = 0; i < count; ++i) {
    pthread_join(matchers[i].thread, nullptr);
    good &= matchers[i].good;
  }
  // Both lists are the last ones that were said: no change was lost.
  auto *flags = allocate<float>(matcher.size);
  good &= slu_context_create(model, nullptr, &context, nullptr) == SLU_OK &&
          slu_flags(context, kListed, strlen(kListed), flags, matcher.size) == SLU_OK &&
          same_columns(matcher, flags, 0, 0);
  slu_context_free(context);
  free(flags);
  free(matchers);
  for (float *block : expected) free(block);
  slu_model_close(model);
  printf("lexicon %d %s\n", count, good ? "same" : "different");
  return !good;
}

#endif

}  // namespace

int main(int count, char **arguments) {
  if (count == 2 && !strcmp(arguments[1], "products")) return products();
  if (count == 3 && !strcmp(arguments[1], "digest")) return digests(arguments[2]);
#if !defined(__wasm__)
  if (count == 4 && !strcmp(arguments[1], "threads")) return threads(arguments[2], atoi(arguments[3]));
  if (count == 4 && !strcmp(arguments[1], "lexicon")) return lexicons(arguments[2], atoi(arguments[3]));
#endif
  fputs("usage: slu-check products | digest MODEL | threads MODEL N | lexicon MODEL N\n", stderr);
  return 2;
}
