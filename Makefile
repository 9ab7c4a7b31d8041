# Everything a user needs: `make demo` and `make test`. Every target first makes or updates .venv, and the system packages that
# are missing are installed, or named, by tools/system-packages.
PYTHON ?= python3.10
BIN := .venv/bin
PACKAGES := .venv/.packages
SETUP := .venv/.installed
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install
ENGINE := $(shell find cpp_runtime -name CMakeLists.txt -o -path '*/include/*.h' -o -path '*/src/*' -type f -o -path '*/cli/*' -type f)

# Tests wait for compilers and emulators now and then: one more at a time than there are processors, four at most.
JOBS ?= $(shell jobs=$$(($$(nproc) + 1)); echo $$((jobs < 4 ? jobs : 4)))

MODELS := models/nlpcc2018-nano models/nlpcc2018-pico

# The tests start some hundred Python programs, each of which would compile every module of the project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup system-packages demo test test-slow lint types style format lock clean

setup: $(SETUP) $(MODELS:=/model.gguf)

include cpp_runtime/build.mk
include android_app/build.mk

# First of all in `make test`, so that what is missing is said before anything is made.
system-packages:
	@PYTHON="$(PYTHON)" tools/system-packages test

$(PACKAGES): requirements.lock
	@PYTHON="$(PYTHON)" tools/system-packages build
	$(PYTHON) -m venv .venv
	@echo 'downloading and installing the packages of $< into .venv: two or three minutes'
	$(PIP) --require-hashes --no-deps -r requirements.lock
	@touch $@

# The package itself: the Python parts as they are here, the native engine compiled, as far as it has changed.
$(SETUP): $(PACKAGES) pyproject.toml $(ENGINE)
	@echo 'compiling the engine: half a minute'
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The form of the models that the engine maps; the committed ones are the checkpoints they are made of.
%/model.gguf: %/model.safetensors | $(SETUP)
	$(BIN)/python -m export_lite.gguf $*

demo: setup
	$(BIN)/slu run configs/demo.toml --out runs/demo
	$(BIN)/slu parse runs/demo/bundle $(foreach slot,singer song contact_name,--lexicon $(slot)=data/sample/added/$(slot).txt) \
	  来一首周华健的花心 打电话给诸葛小明 导航到人民广场 今天天气怎么样
	$(BIN)/slu report runs/demo --out runs/demo/report.html

# `make lint` is one of the tests.
test: system-packages setup
	path=$$(tools/path-with-node) && PATH=$$path $(BIN)/pytest -m "not slow" -n $(JOBS) --dist loadgroup

test-slow: system-packages setup
	path=$$(tools/path-with-node) && PATH=$$path $(BIN)/pytest -m slow

lint: style types

types: setup
	$(BIN)/mypy

style: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $(ENGINE_SOURCES) $(JAVA_SOURCES)

format: setup
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(ENGINE_SOURCES) $(JAVA_SOURCES)

# The tree as of a date: newer releases of what PaddleNLP depends on break it. Needs uv.
lock:
	uv pip compile pyproject.toml --all-extras --exclude-newer 2024-10-01 --python-version 3.10 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf .venv build runs *.egg-info $(MODELS:=/model.gguf)
