#include "kernels.h"

namespace slu {

const Kernels *kernels_at(uint32_t index) {
  const Cpu cpu = os_cpu();
  (void)cpu;
  const struct {
    bool usable;
    const Kernels *kernels;
  } all[] = {
#if defined(__x86_64__)
#if !defined(SLU_NO_WIDE_KERNELS)
      {cpu.avx512_vnni, &kAvx512VnniKernels},
      {cpu.avx_vnni, &kAvxVnniKernels},
#endif
      {cpu.avx2, &kAvx2Kernels},
#elif defined(__aarch64__)
      {cpu.int8_matmul, &kSmmlaKernels},
      {cpu.dot_product, &kSdotKernels},
      {true, &kNeonKernels},
#elif defined(SLU_ARM32_NEON)
      {cpu.neon_vfpv4, &kNeonKernels},
#elif defined(__wasm_relaxed_simd__)
      {cpu.relaxed_signed, &kRelaxedSignedKernels},
      {cpu.relaxed_unsigned, &kRelaxedUnsignedKernels},
      {true, &kRelaxedKernels},
#elif defined(__wasm_simd128__)
      {true, &kSimd128Kernels},
#endif
#if !defined(SLU_WITHOUT_PLAIN)
      {true, &kPlainKernels},
#endif
  };
  for (const auto &entry : all)
    if (entry.usable && index-- == 0) return entry.kernels;
  return nullptr;
}

const Kernels *kernels_named(View name) {
  const Kernels *kernels;
  for (uint32_t i = 0; (kernels = kernels_at(i)) != nullptr; ++i)
    if (View(kernels->name) == name) return kernels;
  return nullptr;
}

}  // namespace slu
