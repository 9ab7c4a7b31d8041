// SIMD128 of WebAssembly; compiled once more with relaxed SIMD.
#include "simd_wasm.h"
#include "float_math.h"
#include "float_functions.h"

SLU_FLOATS(kWasmFloats)
