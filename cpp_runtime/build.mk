# The native engine. Included by the Makefile at the root, which sets BIN, the environment's programs, and SETUP.
ENGINE_PYTHON := $(abspath $(BIN))/python
ENGINE_CMAKE := PATH=$(abspath $(BIN)):$$PATH SLU_PYTHON=$(ENGINE_PYTHON) cmake
ENGINE_ARM := -DCMAKE_TOOLCHAIN_FILE=$(abspath cpp_runtime/cmake)/zig-aarch64-linux.cmake -DSLU_PYTHON=$(ENGINE_PYTHON)
ENGINE_JOBS ?= 2
ENGINE_SOURCES = $(shell find cpp_runtime examples tests/cpp_runtime android_app/library/src/main/cpp \
  -name '*.cpp' -o -name '*.h' -o -name '*.c')

.PHONY: engine arm engine-test engine-test-slow fuzz engine-peak engine-backends

# libslu.so, libslu.a and slu-cli for this machine, in build/host.
engine: $(SETUP)
	$(ENGINE_CMAKE) -G Ninja -S cpp_runtime -B build/host -DSLU_BUILD_TESTS=ON
	$(ENGINE_CMAKE) --build build/host -j $(ENGINE_JOBS)

# build/linux-arm64/slu-cli (static, also for `adb shell`) and build/android-arm64/libslu.so.
arm: $(SETUP)
	mkdir -p build/linux-arm64 build/android-arm64
	cd build/linux-arm64 && $(ENGINE_CMAKE) -G Ninja -S ../../cpp_runtime -B . $(ENGINE_ARM) -DSLU_BUILD_TESTS=ON
	$(ENGINE_CMAKE) --build build/linux-arm64 -j $(ENGINE_JOBS)
	cp build/linux-arm64/libslu.so build/android-arm64/libslu.so

engine-test: $(SETUP)
	$(ENGINE_PYTHON) -m pytest -q tests/cpp_runtime tests/export_lite/test_gguf.py -m "not slow"

engine-test-slow: $(SETUP)
	$(ENGINE_PYTHON) -m pytest -q tests/cpp_runtime -m slow

# FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 60
fuzz: $(SETUP)
	$(ENGINE_PYTHON) tests/cpp_runtime/fuzz.py --seconds $(FUZZ_SECONDS)


# libslu-lite.so and libslu-fastdeploy.so with their programs, in build/backends, and the tests that need them: with
# PADDLE_LITE_DIR=..., FASTDEPLOY_DIR=... or both, the directories of their C++ libraries for this machine (docs/backends.md).
engine-backends: $(SETUP)
	@test -n "$(PADDLE_LITE_DIR)$(FASTDEPLOY_DIR)" || \
	  { echo "Give PADDLE_LITE_DIR=... or FASTDEPLOY_DIR=..., or both; see docs/backends.md"; exit 1; }
	$(ENGINE_CMAKE) -G Ninja -S cpp_runtime -B build/backends \
	  "-DPADDLE_LITE_DIR=$(PADDLE_LITE_DIR)" "-DFASTDEPLOY_DIR=$(FASTDEPLOY_DIR)"
	$(ENGINE_CMAKE) --build build/backends -j $(ENGINE_JOBS)
	PADDLE_LITE_DIR="$(PADDLE_LITE_DIR)" FASTDEPLOY_DIR="$(FASTDEPLOY_DIR)" \
	  $(ENGINE_PYTHON) -m pytest -q -rs tests/cpp_runtime/real_backends.py

# build/wheels: the package for x86-64 and ARM64 Linux, with any Python from 3.9, and its sources; docs/python.md.
.PHONY: wheels
wheels: $(SETUP)
	$(ENGINE_PYTHON) tools/build_wheels.py

# slu.wasm and slu-relaxed.wasm (relaxed SIMD) for browsers and Node, in build/wasm; docs/browser.md.
.PHONY: wasm
wasm: $(SETUP)
	mkdir -p build/wasm/simd128 build/wasm/relaxed
	for variant in simd128 relaxed; do \
	  (cd build/wasm/$$variant && $(ENGINE_CMAKE) -G Ninja -S ../../../cpp_runtime -B . -DSLU_PYTHON=$(ENGINE_PYTHON) \
	    -DCMAKE_TOOLCHAIN_FILE=$(abspath cpp_runtime/cmake)/zig-wasm32.cmake \
	    -DSLU_RELAXED=$$([ $$variant = relaxed ] && echo ON || echo OFF)) && \
	  $(ENGINE_CMAKE) --build build/wasm/$$variant -j $(ENGINE_JOBS) && cp build/wasm/$$variant/*.wasm build/wasm || exit 1; \
	done

# build/web: slu.html (one file that works from a disk), nano.gguf beside it, and package/ for npm.
.PHONY: web
web: wasm $(MODELS:=/model.gguf)
	path=$$(tools/path-with-node) && PATH=$$path node web/build.mjs
