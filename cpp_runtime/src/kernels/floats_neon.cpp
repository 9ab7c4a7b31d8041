// NEON, on every ARM64.
#include "simd_neon.h"
#include "float_math.h"
#include "float_functions.h"

SLU_FLOATS(kNeonFloats)
