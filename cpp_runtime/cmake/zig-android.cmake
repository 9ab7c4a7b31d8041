# Android with the pinned ziglang package, for libraries that need no libc: -DSLU_ANDROID_ABI=arm64-v8a, x86_64 or
# armeabi-v7a. -DSLU_PYTHON=... is the Python that has ziglang.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SLU_ANDROID_ABI)
if(SLU_ANDROID_ABI STREQUAL "arm64-v8a")
  set(SLU_ZIG_TARGET aarch64-linux-musl)
  set(slu_processor aarch64)
elseif(SLU_ANDROID_ABI STREQUAL "x86_64")
  set(SLU_ZIG_TARGET x86_64-linux-musl)
  set(slu_processor x86_64)
  set(SLU_WIDE_KERNELS OFF CACHE BOOL "")  # emulators' share of the AAR is to be small
elseif(SLU_ANDROID_ABI STREQUAL "armeabi-v7a")
  # Floats in registers, unlike the ABI: none is handed over where the library is called.
  set(SLU_ZIG_TARGET arm-linux-musleabihf)
  set(slu_processor armv7-a)
  set(CMAKE_C_FLAGS_INIT "-mcpu=generic+v7a+vfp3d16")
  set(CMAKE_CXX_FLAGS_INIT "-mcpu=generic+v7a+vfp3d16")
else()
  message(FATAL_ERROR "SLU_ANDROID_ABI is \"${SLU_ANDROID_ABI}\"; it can be arm64-v8a, x86_64 or armeabi-v7a")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/zig-aarch64-linux.cmake)
set(CMAKE_SYSTEM_PROCESSOR ${slu_processor})
