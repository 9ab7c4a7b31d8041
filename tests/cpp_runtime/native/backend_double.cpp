// A runtime for the tests of cpp_runtime/backends: the native engine, in a library of its own, computes the network. Its
// model is a copy of a GGUF file, and the name of the copy says how it behaves.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>

#include "../../../cpp_runtime/backends/runtime.h"

namespace slu {
namespace {

constexpr Engine kEngines[] = {{"double"}, {"second"}};

// The functions of libslu.so, which has the same names as the library that this file is part of.
template <class Function>
Function *native(const char *name) {
  static void *const library = dlopen(SLU_NATIVE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  return reinterpret_cast<Function *>(dlsym(library, name));
}

void require(slu_status status) {
  if (status != SLU_OK) throw Failure(status, "the double's engine failed");
}

class Double : public Network {
 public:
  explicit Double(const NetworkFile &file) : file_(file) {
    require(native<decltype(slu_model_open)>("slu_model_open")(file.path.c_str(), &model_, nullptr));
    require(native<decltype(slu_context_create)>("slu_context_create")(model_, nullptr, &context_, nullptr));
  }
  ~Double() override {
    native<decltype(slu_context_free)>("slu_context_free")(context_);
    native<decltype(slu_model_close)>("slu_model_close")(model_);
  }

  void run(const std::vector<NetworkInput> &inputs, float *intents, float *slots) override {
    if (file_.suffix == "throws") throw std::runtime_error("as it was told to");
    if (file_.suffix == "throws-number") throw 1;
    const int64_t length = file_.length, columns = file_.flag_count;
    const auto *ids = static_cast<const int32_t *>(values(inputs, kIdsName, false, {1, length}));
    const auto *flags =
        columns ? static_cast<const float *>(values(inputs, kFlagsName, true, {1, length, columns}))
                : nullptr;
    if (inputs.size() != (flags ? 2 : 1)) throw std::logic_error("not the inputs that a network takes");
    uint32_t count = file_.length;
    while (count > 1 && ids[count - 1] == file_.padding_id) --count;
    const slu_input input = {sizeof input, count, ids, flags};
    const slu_logits *logits;
    require(native<decltype(slu_run)>("slu_run")(context_, &input, &logits));
    std::copy_n(logits->intents, file_.intent_count, intents);
    std::copy_n(logits->slots, count * file_.tag_count, slots);
    // What is computed for padding must not be used.
    std::fill(slots + count * file_.tag_count, slots + file_.length * file_.tag_count, NAN);
  }

 private:
  static const void *values(const std::vector<NetworkInput> &inputs, const std::string &name, bool is_float,
                            const std::vector<int64_t> &shape) {
    for (const NetworkInput &input : inputs)
      if (input.name == name && input.is_float == is_float && input.shape == shape) return input.values;
    throw std::logic_error("not the inputs that a network takes");
  }

  const NetworkFile &file_;
  slu_model *model_ = nullptr;
  slu_context *context_ = nullptr;
};

}  // namespace

const Engine *engine_at(uint32_t index) { return index < 2 ? &kEngines[index] : nullptr; }

const Engine *engine_for(const NetworkFile &file) {
  if (file.suffix == "other-version")
    throw Failure(SLU_ERROR_VERSION, "written by version 1, this library has 2");
  return &kEngines[1];
}

std::unique_ptr<Network> load_network(const NetworkFile &file, const Engine &engine) {
  if (file.suffix == "needs-first" && &engine != &kEngines[0])
    throw Failure(SLU_ERROR_KERNEL, "runs by double only");
  return std::make_unique<Double>(file);
}

}  // namespace slu
