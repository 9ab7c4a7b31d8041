// The network by Paddle Lite's light predictor, from a .nb file.
#include <paddle_api.h>

#include <algorithm>

#include "nb_file.h"
#include "runtime.h"

namespace slu {
namespace {

namespace lite = paddle::lite_api;

constexpr Engine kEngine = {"paddle-lite"};

// A .nb file without operators and parameters: the library tells its version by a predictor only, and one of a file
// that another version wrote may end the process.
constexpr uint8_t kEmptyNetwork[] = {
    2,  0,                                             // layout
    0,  0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // version of what wrote it
    72, 0, 0,  0, 0, 0, 0, 0,                          // bytes of the program, a FlatBuffer:
    12, 0, 0,  0,                                      //  0: the root is at 12
    8,  0, 12, 0, 8, 0, 4, 0,                          //  4: table layout of ProgramDesc: blocks, version
    8,  0, 0,  0,                                      // 12: ProgramDesc
    12, 0, 0,  0,                                      // 16: version, at 28
    12, 0, 0,  0,                                      // 20: blocks, at 32
    4,  0, 4,  0,                                      // 24: table layout of Version: all defaults
    4,  0, 0,  0,                                      // 28: Version
    1,  0, 0,  0,                                      // 32: one block
    16, 0, 0,  0,                                      // 36: at 52
    12, 0, 12, 0, 0, 0, 0, 0, 8, 0, 4, 0,              // 40: table layout of BlockDesc: variables, operators
    12, 0, 0,  0,                                      // 52: BlockDesc
    8,  0, 0,  0,                                      // 56: operators, at 64
    8,  0, 0,  0,                                      // 60: variables, at 68
    0,  0, 0,  0,                                      // 64: none
    0,  0, 0,  0,                                      // 68: none
    0,  0,                                             // version of the parameters
    2,  0, 0,  0,                                      // 2 bytes that mean nothing
    6,  0, 0,  0, 8, 0, 0, 0,                          // 6 bytes: no parameters, the largest of them 8 bytes
};

std::shared_ptr<lite::PaddlePredictor> make_predictor(lite::MobileConfig config) {
  config.set_threads(1);
  config.set_power_mode(lite::LITE_POWER_NO_BIND);
  auto predictor = lite::CreatePaddlePredictor<lite::MobileConfig>(config);
  if (!predictor) throw Failure(SLU_ERROR_FORMAT, "Paddle Lite makes no predictor of it");
  return predictor;
}

std::string library_version() {
  lite::MobileConfig config;
  config.set_model_from_buffer(reinterpret_cast<const char *>(kEmptyNetwork), sizeof kEmptyNetwork);
  return make_predictor(config)->GetVersion();
}

std::string without_v(const std::string &version) {
  return !version.empty() && version[0] == 'v' ? version.substr(1) : version;
}

std::string text_of(const lite::shape_t &shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

int index_of(const std::vector<std::string> &names, const char *name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw Failure(SLU_ERROR_FORMAT, std::string("the network has no ") + name + "; export it again");
  return static_cast<int>(found - names.begin());
}

class LiteNetwork : public Network {
 public:
  explicit LiteNetwork(const NetworkFile &file) : file_(file) {
    lite::MobileConfig config;
    config.set_model_from_file(file.path);
    predictor_ = make_predictor(config);
    input_names_ = predictor_->GetInputNames();
    const std::vector<std::string> outputs = predictor_->GetOutputNames();
    intents_ = index_of(outputs, kIntentsName);
    slots_ = index_of(outputs, kSlotsName);
  }

  void run(const std::vector<NetworkInput> &inputs, float *intents, float *slots) override {
    if (inputs.size() != input_names_.size())
      throw Failure(SLU_ERROR_FORMAT, "the network takes " + std::to_string(input_names_.size()) +
                                          " inputs, this library gives it " + std::to_string(inputs.size()));
    for (const NetworkInput &input : inputs) {
      auto tensor = predictor_->GetInput(index_of(input_names_, input.name));
      tensor->Resize(input.shape);
      if (input.is_float)
        tensor->CopyFromCpu<float, lite::TargetType::kHost>(static_cast<const float *>(input.values));
      else
        tensor->CopyFromCpu<int, lite::TargetType::kHost>(static_cast<const int *>(input.values));
    }
    predictor_->Run();
    copy_output(intents_, {1, file_.intent_count}, intents);
    copy_output(slots_, {1, file_.length, file_.tag_count}, slots);
  }

 private:
  void copy_output(int index, const lite::shape_t &shape, float *to) {
    const auto tensor = predictor_->GetOutput(index);
    if (tensor->shape() != shape || tensor->precision() != lite::PrecisionType::kFloat)
      throw Failure(SLU_ERROR_FORMAT, "the network gives " + text_of(tensor->shape()) +
                                          ", labels.gguf is for floats " + text_of(shape) +
                                          "; export the bundle again");
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    std::copy_n(tensor->data<float>(), count, to);
  }

  const NetworkFile &file_;
  std::shared_ptr<lite::PaddlePredictor> predictor_;
  std::vector<std::string> input_names_;
  int intents_ = 0, slots_ = 0;
};

}  // namespace

const Engine *engine_at(uint32_t index) { return index == 0 ? &kEngine : nullptr; }

const Engine *engine_for(const NetworkFile &file) {
  if (file.suffix != "nb")
    throw Failure(SLU_ERROR_FORMAT,
                  "Paddle Lite's light predictor runs .nb files; give model.arm.nb, on x86 model.x86.nb");
  const bool halves =
      file.path.rfind(".fp16.") > file.path.rfind('/') + 1 && file.path.rfind(".fp16.") != std::string::npos;
  if (halves && !lite::MobileConfig().check_fp16_valid())
    throw Failure(SLU_ERROR_KERNEL, "computes in FP16, which this processor does not; give model.arm.nb");
  const std::string written = nb_version(file.path), own = library_version();
  // The head of a file has room for 16 characters.
  if (without_v(written) != without_v(own.substr(0, 16)))
    throw Failure(SLU_ERROR_VERSION,
                  "written by Paddle Lite " + written + ", this library has " + own +
                      "; export the bundle again with that version, or link the other one");
  return &kEngine;
}

std::unique_ptr<Network> load_network(const NetworkFile &file, const Engine &) {
  return std::make_unique<LiteNetwork>(file);
}

}  // namespace slu
