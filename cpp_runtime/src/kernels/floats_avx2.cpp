// AVX2 with fused multiply-add.
#include "simd_avx2.h"
#include "float_math.h"
#include "float_functions.h"

SLU_FLOATS(kAvx2Floats)
