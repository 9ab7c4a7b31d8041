# WebAssembly with the pinned ziglang package. -DSLU_PYTHON=... is the Python that has it.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SLU_PYTHON)
if(NOT SLU_PYTHON)
  set(SLU_PYTHON python3)
endif()
# The target is WASI's for its headers; nothing of its library is linked.
set(CMAKE_C_COMPILER ${SLU_PYTHON} -m ziglang cc --target=wasm32-wasi)
set(CMAKE_CXX_COMPILER ${SLU_PYTHON} -m ziglang c++ --target=wasm32-wasi)
set(CMAKE_ASM_COMPILER ${SLU_PYTHON} -m ziglang cc --target=wasm32-wasi)
set(CMAKE_AR ${CMAKE_CURRENT_LIST_DIR}/zig-ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${CMAKE_CURRENT_LIST_DIR}/zig-ranlib CACHE FILEPATH "")
