// AVX-512.
#include "simd_avx512.h"
#include "float_math.h"
#include "float_functions.h"

SLU_FLOATS(kAvx512Floats)
