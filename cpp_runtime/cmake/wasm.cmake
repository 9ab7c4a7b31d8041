# WebAssembly: slu.wasm needs SIMD128, slu-relaxed.wasm (SLU_RELAXED) relaxed SIMD as well. Neither imports anything.
option(SLU_RELAXED "Use WebAssembly's relaxed SIMD" OFF)
add_compile_options(-msimd128 $<$<BOOL:${SLU_HOSTED}>:-D_WASI_EMULATED_MMAN>)
# The module goes over networks: what is not an inner loop is made for size.
set_source_files_properties(src/encoder.cpp src/lexicon.cpp src/tokenizer.cpp src/unicode.cpp PROPERTIES
  COMPILE_OPTIONS -Os)
list(APPEND kernels floats_wasm kernels_simd128)
if(NOT SLU_HOSTED)
  list(REMOVE_ITEM kernels kernels_plain floats_plain)  # slu-check has the oracle
  add_compile_definitions(SLU_WITHOUT_PLAIN)
endif()
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
  # What JavaScript can use: all of slu.h but what opens files, and slu_parse_each, by which it would gain nothing.
  set(names model_open_memory model_close model_info model_change_lexicon model_change_pins context_create context_free
      context_message context_change_lexicon context_change_pins set_previous_intent parse tokenize flags run version
      status_text kernel_name wasm_allocate wasm_free)
  list(TRANSFORM names PREPEND -Wl,--export=slu_)
  # Zig puts the stack first: one that overflows meets the end of the memory, not the data of the engine.
  target_link_options(slu_wasm PRIVATE -nostdlib -Wl,--no-entry ${names} -Wl,--gc-sections -Wl,-s
    -Wl,-z,stack-size=65536)
endfunction()

# slu-check.wasm, for a program that has WASI, such as Node: with SLU_HOSTED.
function(add_wasm_check)
  set(tests ${CMAKE_CURRENT_SOURCE_DIR}/../tests/cpp_runtime/native)
  add_executable(slu-check ${tests}/check.cpp)
  set_target_properties(slu-check PROPERTIES SUFFIX .wasm LINKER_LANGUAGE C)
  target_link_libraries(slu-check PRIVATE slu_static wasi-emulated-mman)
  if(SLU_RELAXED)
    # The kernels of other processors, over dot products that are computed.
    foreach(kind signed unsigned)
      set(constant_signed kRelaxedSignedKernels=kEmulatedSignedKernels)
      set(constant_unsigned kRelaxedUnsignedKernels=kEmulatedUnsignedKernels)
      set(second_signed int8_t)
      set(second_unsigned uint8_t)
      add_library(emulated_${kind} OBJECT src/kernels/kernels_relaxed_${kind}.cpp)
      target_include_directories(emulated_${kind} PRIVATE include)
      target_compile_definitions(emulated_${kind} PRIVATE ${constant_${kind}} SLU_RELAXED_DOT=emulated_dot<${second_${kind}}>)
      target_compile_options(emulated_${kind} PRIVATE ${core_options} -include ${tests}/relaxed_dot.h)
      target_link_libraries(slu-check PRIVATE emulated_${kind})
    endforeach()
  endif()
endfunction()
