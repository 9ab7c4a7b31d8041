// The network by FastDeploy's Runtime: a .nb file on ARM, Paddle's static graph on its other engines.
#include <fastdeploy/runtime/runtime.h>

#include <algorithm>

#include "nb_file.h"
#include "runtime.h"

namespace slu {
namespace {

struct FastDeployEngine {
  Engine engine;
  fastdeploy::Backend backend;
  // The files that it runs: .nb or Paddle's static graph, and .onnx as well.
  bool nb, onnx;
};

// The first one of those that are there is the default for its files. ONNX Runtime before OpenVINO, which is faster but
// computes in bfloat16 where the processor can.
constexpr FastDeployEngine kEngines[] = {{{"paddle-lite"}, fastdeploy::Backend::LITE, true, false},
                                         {{"onnxruntime"}, fastdeploy::Backend::ORT, false, true},
                                         {{"paddle-inference"}, fastdeploy::Backend::PDINFER, false, false},
                                         {{"openvino"}, fastdeploy::Backend::OPENVINO, false, true}};

const FastDeployEngine &engine_of(const Engine *engine) {
  return *std::find_if(std::begin(kEngines), std::end(kEngines),
                       [&](const FastDeployEngine &one) { return &one.engine == engine; });
}

bool runs(const FastDeployEngine &engine, const NetworkFile &file) {
  if (file.suffix == "onnx") return engine.onnx;
  return file.suffix == (engine.nb ? "nb" : "pdmodel");
}

// FastDeploy tells standard output what it does. A library does not print; errors it prints all the same.
class Quiet {
 public:
  Quiet() : info_(fastdeploy::FDLogger::enable_info), warning_(fastdeploy::FDLogger::enable_warning) {
    fastdeploy::FDLogger::enable_info = fastdeploy::FDLogger::enable_warning = false;
  }
  Quiet(const Quiet &) = delete;
  Quiet &operator=(const Quiet &) = delete;
  ~Quiet() {
    fastdeploy::FDLogger::enable_info = info_;
    fastdeploy::FDLogger::enable_warning = warning_;
  }

 private:
  bool info_, warning_;
};

class FastDeployNetwork : public Network {
 public:
  FastDeployNetwork(const NetworkFile &file, const FastDeployEngine &engine) : file_(file) {
    const Quiet quiet;
    fastdeploy::RuntimeOption option;
    option.UseCpu();
    option.SetModelPath(
        file.path, file.companion,
        file.suffix == "onnx" ? fastdeploy::ModelFormat::ONNX : fastdeploy::ModelFormat::PADDLE);
    option.SetCpuThreadNum(1);
    option.backend = engine.backend;
    option.paddle_lite_option.cpu_threads = option.openvino_option.cpu_thread_num = 1;
    option.openvino_option.affinity = "NO";  // threads are the caller's
    option.openvino_option.shape_infos[kIdsName] = {1, file.length};
    if (file.flag_count) option.openvino_option.shape_infos[kFlagsName] = {1, file.length, file.flag_count};
    if (!runtime_.Init(option))
      throw Failure(SLU_ERROR_FORMAT, "FastDeploy does not load it; it printed the reason");
    for (const auto &info : runtime_.GetInputInfos()) names_.push_back(info.name);
  }

  void run(const std::vector<NetworkInput> &inputs, float *intents, float *slots) override {
    if (inputs.size() != names_.size())
      throw Failure(SLU_ERROR_FORMAT, "the network takes " + std::to_string(names_.size()) +
                                          " inputs, this library gives it " + std::to_string(inputs.size()));
    inputs_.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (std::find(names_.begin(), names_.end(), inputs[i].name) == names_.end())
        throw Failure(SLU_ERROR_FORMAT,
                      std::string("the network has no ") + inputs[i].name + "; export it again");
      inputs_[i].name = inputs[i].name;
      const auto type = inputs[i].is_float ? fastdeploy::FDDataType::FP32 : fastdeploy::FDDataType::INT32;
      // It is read only.
      inputs_[i].SetExternalData(inputs[i].shape, type, const_cast<void *>(inputs[i].values));
    }
    if (!runtime_.Infer(inputs_, &outputs_))
      throw Failure(SLU_ERROR_KERNEL, "FastDeploy failed; it printed the reason");
    copy_output(kIntentsName, {1, file_.intent_count}, intents);
    copy_output(kSlotsName, {1, file_.length, file_.tag_count}, slots);
  }

 private:
  void copy_output(const char *name, const std::vector<int64_t> &shape, float *to) {
    for (const fastdeploy::FDTensor &output : outputs_) {
      if (output.name != name) continue;
      if (output.shape != shape || output.dtype != fastdeploy::FDDataType::FP32)
        throw Failure(SLU_ERROR_FORMAT, std::string(name) +
                                            " of the network has another shape or type than labels.gguf "
                                            "is for; export the bundle again");
      std::copy_n(static_cast<const float *>(output.CpuData()), output.Numel(), to);
      return;
    }
    throw Failure(SLU_ERROR_FORMAT, std::string("the network has no ") + name + "; export it again");
  }

  const NetworkFile &file_;
  fastdeploy::Runtime runtime_;
  std::vector<std::string> names_;
  std::vector<fastdeploy::FDTensor> inputs_, outputs_;
};

}  // namespace

const Engine *engine_at(uint32_t index) {
  for (const FastDeployEngine &one : kEngines)
    if (fastdeploy::IsBackendAvailable(one.backend) && index-- == 0) return &one.engine;
  return nullptr;
}

const Engine *engine_for(const NetworkFile &file) {
  std::string there;
  const Engine *engine;
  for (uint32_t i = 0; (engine = engine_at(i)) != nullptr; ++i) {
    if (runs(engine_of(engine), file)) {
      if (file.suffix == "nb") nb_version(file.path);  // that it is one
      return engine;
    }
    there += (i ? ", " : "") + std::string(engine->name);
  }
  throw Failure(SLU_ERROR_KERNEL,
                "no engine of this FastDeploy runs a ." + file.suffix + " file; it has " + there);
}

std::unique_ptr<Network> load_network(const NetworkFile &file, const Engine &engine) {
  const FastDeployEngine &chosen = engine_of(&engine);
  if (!runs(chosen, file))
    throw Failure(SLU_ERROR_KERNEL, std::string(engine.name) + " does not run ." + file.suffix + " files");
  return std::make_unique<FastDeployNetwork>(file, chosen);
}

}  // namespace slu
