// slu-check: compares kernels on this processor, native or under qemu. Prints a line a result; exits 1 on a difference.
//   slu-check products          every kernel against the plain one, exactly, on sizes that break kernels
//   slu-check digest MODEL      for every kernel a hash of all logits of fixed inputs: the same everywhere
//   slu-check threads MODEL N   N threads parse with one model; all must find the same
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../cpp_runtime/src/context.h"

#if defined(__x86_64__)
namespace slu {
// kernels_avxvnni.cpp compiled for AVX-512, see CMakeLists.txt.
extern const Kernels kAvxVnniEvexKernels;
}  // namespace slu
#endif

namespace {

using slu::Kernels;

uint32_t state = 1;
uint32_t next_random() { return (state = state * 1664525u + 1013904223u) >> 8; }

// The kernels that run here and one that only differs in its encoding.
const Kernels *kernels_to_check(uint32_t index) {
  const Kernels *kernels = slu::kernels_at(index);
#if defined(__x86_64__)
  if (!kernels && slu::os_cpu().avx512_vnni && slu::kernels_at(index - 1)) return &slu::kAvxVnniEvexKernels;
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
    for (uint32_t count = 1; count <= info.max_tokens; count += count < 20 ? 1 : 7) {
      for (uint32_t t = 0; t < count; ++t) ids[t] = static_cast<int32_t>(next_random() % info.vocab_size);
      const slu_input input = {sizeof input, count, ids, nullptr};
      const slu_logits *logits;
      if (slu_run(context, &input, &logits) != SLU_OK) return 1;
      hash = digest(hash, logits->intents, logits->intent_count * sizeof(float));
      hash = digest(hash, logits->slots, size_t{count} * logits->tag_count * sizeof(float));
    }
    const slu_result *result;
    if (slu_parse(context, "ab 1c", 5, &result) != SLU_OK) return 1;
    hash = digest(hash, &result->score, sizeof result->score);
    free(ids);
    printf("digest %s %016llx\n", kernels->name, static_cast<unsigned long long>(hash));
    slu_context_free(context);
  }
  slu_model_close(model);
  return 0;
}

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

}  // namespace

int main(int count, char **arguments) {
  if (count == 2 && !strcmp(arguments[1], "products")) return products();
  if (count == 3 && !strcmp(arguments[1], "digest")) return digests(arguments[2]);
  if (count == 4 && !strcmp(arguments[1], "threads")) return threads(arguments[2], atoi(arguments[3]));
  fputs("usage: slu-check products | digest MODEL | threads MODEL N\n", stderr);
  return 2;
}
