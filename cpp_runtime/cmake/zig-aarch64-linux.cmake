# ARM64 Linux and Android with the pinned ziglang package: static programs (musl), which `adb shell` runs as well, and
# shared libraries that need no libc. -DSLU_PYTHON=... is the Python that has ziglang.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SLU_PYTHON SLU_ZIG_TARGET)
if(NOT SLU_PYTHON)
  set(SLU_PYTHON python3)
endif()
if(NOT SLU_ZIG_TARGET)
  set(SLU_ZIG_TARGET aarch64-linux-musl)
endif()
set(CMAKE_C_COMPILER ${SLU_PYTHON} -m ziglang cc --target=${SLU_ZIG_TARGET})
set(CMAKE_CXX_COMPILER ${SLU_PYTHON} -m ziglang c++ --target=${SLU_ZIG_TARGET})
set(CMAKE_ASM_COMPILER ${SLU_PYTHON} -m ziglang cc --target=${SLU_ZIG_TARGET})
set(CMAKE_AR ${CMAKE_CURRENT_LIST_DIR}/zig-ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${CMAKE_CURRENT_LIST_DIR}/zig-ranlib CACHE FILEPATH "")
# What CMake would find out by linking a program, for which zig compiles all of its C++ library first: a minute for nothing
# where no program is wanted.
set(CMAKE_CXX_COMPILER_ID_RUN TRUE)
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_VERSION 18.1)
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_CXX_COMPILER_FRONTEND_VARIANT GNU)
