// Plain C++: the oracle.
#include "simd_plain.h"
#include "float_math.h"
#include "float_functions.h"

SLU_FLOATS(kPlainFloats)
