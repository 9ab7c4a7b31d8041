// Where both operands of the dot product are signed, as on ARM64.
#include "../base.h"

namespace slu {
namespace {
constexpr uint8_t kInputOffset = 0;
}
}  // namespace slu

#include "kernels_relaxed.h"

SLU_KERNELS(kRelaxedSignedKernels, "relaxed-signed", kWasmFloats)
