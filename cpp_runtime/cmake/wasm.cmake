# WebAssembly: slu.wasm needs SIMD128, slu-relaxed.wasm (SLU_RELAXED) relaxed SIMD as well. Neither imports anything.
option(SLU_RELAXED "Use WebAssembly's relaxed SIMD" OFF)
add_compile_options(-msimd128)
# The oracle is not for speed, and the module goes over networks.
set_source_files_properties(src/kernels/floats_plain.cpp PROPERTIES COMPILE_DEFINITIONS SLU_UNROLL=)
list(APPEND kernels floats_wasm kernels_simd128)
if(SLU_RELAXED)
  add_compile_options(-mrelaxed-simd)
  list(APPEND kernels kernels_relaxed_signed kernels_relaxed_unsigned)
endif()

# slu.wasm or slu-relaxed.wasm. The compiler's own functions come from src/memory.cpp, as in other libraries without libc.
function(add_wasm_module)
  add_executable(slu_wasm $<TARGET_OBJECTS:slu_core> src/memory.cpp)
  set_source_files_properties(src/memory.cpp PROPERTIES COMPILE_OPTIONS "-ffreestanding;-fno-builtin;-mbulk-memory")
  set_target_properties(slu_wasm PROPERTIES SUFFIX .wasm LINKER_LANGUAGE C
    OUTPUT_NAME $<IF:$<BOOL:${SLU_RELAXED}>,slu-relaxed,slu>)
  # Zig puts the stack first: one that overflows meets the end of the memory, not the data of the engine.
  target_link_options(slu_wasm PRIVATE -nostdlib -Wl,--no-entry -Wl,--export-dynamic -Wl,--gc-sections -Wl,-s
    -Wl,-z,stack-size=65536)
endfunction()
