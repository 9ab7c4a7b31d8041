# x86-64 Linux with the pinned ziglang package, for wheels: what is built runs with any C library. See zig-aarch64-linux.cmake.
set(SLU_ZIG_TARGET x86_64-linux-musl)
include(${CMAKE_CURRENT_LIST_DIR}/zig-aarch64-linux.cmake)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
