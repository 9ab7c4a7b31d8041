// What a library of this directory asks of the runtime that it is made over: engine_at (encoder.h) and the two
// functions below, which one file implements, paddle_lite.cpp or fastdeploy.cpp. Hosted C++17: everything here may
// throw, and nothing of it leaves the C functions (encoder.cpp, open.cpp catch).
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "encoder.h"

namespace slu {

// Why something cannot be done, for the C functions to return.
struct Failure : std::runtime_error {
  Failure(slu_status reason, const std::string &message) : std::runtime_error(message), status(reason) {}
  slu_status status;
};

// Status and message of the exception that is being handled.
slu_status caught(Message &message);

// The network of an opened model: its file, checked against labels.gguf, and its sizes.
struct NetworkFile {
  std::string path;
  std::string suffix;     // of the file's name: "nb", "pdmodel", "onnx"
  std::string companion;  // path of the parameters of a "pdmodel"; else empty
  uint64_t bytes = 0;     // of both
  uint32_t length = 0;    // tokens that the network takes
  uint32_t intent_count = 0;
  uint32_t tag_count = 0;
  uint32_t flag_count = 0;  // 0: there is no second input
  int32_t padding_id = 0;
};

// One input: `values` are int32 or, when `is_float`, float32. `shape` begins with 1, one utterance.
struct NetworkInput {
  const char *name;
  const void *values;
  bool is_float;
  std::vector<int64_t> shape;
};

// Names in the network: slu/runtime/bundle.py gives those of the inputs, slu/heads/joint.py those of the outputs.
constexpr const char *kIdsName = "input_ids";
constexpr const char *kFlagsName = "flags";
constexpr const char *kIntentsName = "intent_logits";
constexpr const char *kSlotsName = "slot_logits";

// A network that is ready to run, for one thread.
class Network {
 public:
  virtual ~Network() = default;
  // `inputs`: input_ids [1, length] and, for models with flags, flags [1, length, flag_count]; the network must have the
  // same ones, in any order. Fills intents [intent_count] and slots [length][tag_count].
  virtual void run(const std::vector<NetworkInput> &inputs, float *intents, float *slots) = 0;
};

// The engine that runs such a file when none is asked for; throws when no engine can. Looks into the file as far as it
// takes to refuse one of another version.
const Engine *engine_for(const NetworkFile &file);

// Throws when `engine` cannot run the file or the file is not what it should be. Runtimes end the process on files that
// are damaged, so these were compared with labels.gguf before.
std::unique_ptr<Network> load_network(const NetworkFile &file, const Engine &engine);

}  // namespace slu
