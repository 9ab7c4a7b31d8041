// Plain C++ for ARM of 32 bits with VFPv4, which has a fused multiply-add.
#include "simd_plain.h"
#include "float_math.h"
#include "float_functions.h"

SLU_FLOATS(kVfpFloats)
