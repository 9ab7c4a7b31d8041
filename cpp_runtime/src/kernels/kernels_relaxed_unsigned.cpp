// Where the second operand of the dot product is unsigned and sums do not saturate, as on x86 with AVX-VNNI.
#include "../base.h"

namespace slu {
namespace {
constexpr uint8_t kInputOffset = 128;
}
}  // namespace slu

#include "kernels_relaxed.h"

SLU_KERNELS(kRelaxedUnsignedKernels, "relaxed-unsigned", kWasmFloats)
