// The share of a processor's peak INT8 rate that the engine's matrix products reach, in one process and one thread.
//
//     slu-peak [TOKENS]       16 by default; a line of JSON a kernel
//
// Peak is measured: the kernel's instruction alone, on registers, in enough independent chains to keep every unit busy.
// Products are those of one layer of the default model (hidden 312, 9 heads of 26, 936 neurons), all four linear layers.
// Both are the best of many short runs, taken in turn, so that other load on the machine is left out of both.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../src/context.h"

#if defined(__x86_64__)
#include <immintrin.h>
namespace slu {
// kernels_avxvnni.cpp compiled for AVX-512, so that it runs on processors without AVX-VNNI.
extern const Kernels kAvxVnniEvexKernels;
}  // namespace slu
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRounds = 20000;

#define CHAINS(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)

// Each returns the number of products of kRounds rounds of 12 instructions. Assembly, so that nothing is optimised away.
#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) double peak_avx512vnni() {
  for (int i = 0; i < kRounds; ++i) {
#define STEP(n) __asm__ volatile("vpdpbusd %%zmm30, %%zmm31, %%zmm" #n ::: "xmm" #n);
    CHAINS(STEP)
#undef STEP
  }
  return kRounds * 12.0 * 64;
}
__attribute__((target("avx512f,avx512vl,avx512vnni"))) double peak_avxvnni_evex() {
  for (int i = 0; i < kRounds; ++i) {
#define STEP(n) __asm__ volatile("%{evex%} vpdpbusd %%ymm30, %%ymm31, %%ymm" #n ::: "xmm" #n);
    CHAINS(STEP)
#undef STEP
  }
  return kRounds * 12.0 * 32;
}
__attribute__((target("avxvnni"))) double peak_avxvnni() {
  for (int i = 0; i < kRounds; ++i) {
#define STEP(n) __asm__ volatile("%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #n ::: "xmm" #n);
    CHAINS(STEP)
#undef STEP
  }
  return kRounds * 12.0 * 32;
}
__attribute__((target("avx2"))) double peak_avx2() {
  // The four instructions that 32 products take.
  for (int i = 0; i < kRounds; ++i) {
#define STEP(n)                                                                                       \
  __asm__ volatile(                                                                                   \
      "vpsignb %%ymm15, %%ymm14, %%ymm13\n vpmaddubsw %%ymm13, %%ymm15, %%ymm13\n vpmaddwd %%ymm12, " \
      "%%ymm13, %%ymm13\n"                                                                            \
      "vpaddd %%ymm13, %%ymm" #n ", %%ymm" #n ::                                                      \
          : "xmm13", "xmm" #n);
    CHAINS(STEP)
#undef STEP
  }
  return kRounds * 12.0 * 32;
}
// Runs the instruction; the products that it computed, 0 for a kernel without one.
double peak_of(const slu::Kernels *kernels) {
  const slu::View name = kernels->name;
  if (kernels == &slu::kAvxVnniEvexKernels) return peak_avxvnni_evex();
  if (name == "avx512vnni") return peak_avx512vnni();
  if (name == "avxvnni") return peak_avxvnni();
  if (name == "avx2") return peak_avx2();
  return 0;
}
const slu::Kernels *kernels_to_measure(uint32_t index) {
  const slu::Kernels *kernels = slu::kernels_at(index);
  if (!kernels && slu::os_cpu().avx512_vnni && slu::kernels_at(index - 1)) return &slu::kAvxVnniEvexKernels;
  return kernels;
}
#elif defined(__aarch64__)
const slu::Kernels *kernels_to_measure(uint32_t index) { return slu::kernels_at(index); }
double peak_of(const slu::Kernels *kernels) {
  const slu::View name = kernels->name;
  const bool sdot = name == "sdot", smmla = name == "smmla";
  if (!sdot && !smmla) return 0;
  for (int i = 0; i < kRounds; ++i) {
    if (sdot) {
#define STEP(n) __asm__ volatile(".arch_extension dotprod\n sdot v" #n ".4s, v30.16b, v31.16b" ::: "v" #n);
      CHAINS(STEP)
#undef STEP
    } else {
#define STEP(n) __asm__ volatile(".arch_extension i8mm\n smmla v" #n ".4s, v30.16b, v31.16b" ::: "v" #n);
      CHAINS(STEP)
#undef STEP
    }
  }
  return kRounds * 12.0 * (sdot ? 16 : 32);
}
#endif

struct Layer {
  slu::Linear linear;
  std::vector<int8_t> weight;
  std::vector<int32_t> sums;

  Layer(uint32_t in, uint32_t out) {
    linear.in = in;
    linear.out = out;
    linear.in_padded = static_cast<uint32_t>(slu::round_up(in, 8));
    linear.out_padded = static_cast<uint32_t>(slu::round_up(out, slu::kLanes));
    weight.assign(size_t{linear.in_padded} * linear.out_padded, 3);
    sums.assign(linear.out_padded, 0);
    linear.weight = weight.data();
    linear.sums = sums.data();
  }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int main(int count, char **arguments) {
  const size_t tokens = count > 1 ? static_cast<size_t>(atoi(arguments[1])) : 16;
  if (tokens < 1 || tokens > 512) {
    fputs("usage: slu-peak [TOKENS]\n", stderr);
    return 2;
  }
  Layer layers[] = {{312, 702}, {234, 312}, {312, 936}, {936, 312}};
  std::vector<int8_t> x(tokens * 960, 5), scratch((tokens + 8) * 960);
  std::vector<int32_t> sums(tokens * 960);
  const slu::Kernels *kernels;
  for (uint32_t i = 0; (kernels = kernels_to_measure(i)) != nullptr; ++i) {
    if (peak_of(kernels) == 0) continue;
    double peak = 0, reached = 0;
    for (int run = 0; run < 300; ++run) {
      auto start = Clock::now();
      const double rate = peak_of(kernels) / seconds_since(start);
      if (rate > peak) peak = rate;
      double products = 0;
      start = Clock::now();
      for (Layer &layer : layers) {
        kernels->products(layer.linear, {x.data(), 960, tokens, scratch.data()}, sums.data());
        products += static_cast<double>(tokens) * layer.linear.in * layer.linear.out;
      }
      const double done = products / seconds_since(start);
      if (done > reached) reached = done;
    }
    printf(
        "{\"kernel\": \"%s%s\", \"tokens\": %zu, \"peak_gmacs\": %.1f, \"reached_gmacs\": %.1f, "
        "\"share_percent\": %.1f}\n",
        kernels->name, i && !slu::kernels_at(i) ? " (EVEX)" : "", tokens, peak / 1e9, reached / 1e9,
        100 * reached / peak);
  }
  return 0;
}
