#include "encoder.h"

#include <algorithm>
#include <mutex>
#include <new>

#include "../src/weights.h"
#include "runtime.h"

namespace slu {
slu_status caught(Message &message) {
  try {
    throw;
  } catch (const Failure &failure) {
    message << failure.what();
    return failure.status;
  } catch (const std::bad_alloc &) {
    message << "no memory left";
    return SLU_ERROR_MEMORY;
  } catch (const std::exception &error) {
    message << "the runtime failed: " << error.what();
    return SLU_ERROR_KERNEL;
  } catch (...) {
    message << "the runtime failed";
    return SLU_ERROR_KERNEL;
  }
}

const Engine &any_engine() {
  static constexpr Engine kNone = {""};
  return kNone;
}

const Engine *engine_named(View name) {
  const Engine *engine;
  for (uint32_t i = 0; (engine = engine_at(i)) != nullptr; ++i)
    if (View(engine->name) == name) return engine;
  return nullptr;
}

// The network is not in the file of the labels.
slu_status weights_read(const Gguf &, slu_model *, Message &) { return SLU_OK; }

Encoder::Encoder(const slu_model &model, const Engine &engine, Arena *arena)
    : file_(*static_cast<const NetworkFile *>(model.network)),
      engine_(engine),
      ids_(arena->take<int32_t>(file_.length)),
      flags_(arena->take<float>(size_t{file_.length} * file_.flag_count)),
      intents_(arena->take<float>(file_.intent_count)),
      slots_(arena->take<float>(size_t{file_.length} * file_.tag_count)) {}

slu_status Encoder::open(Message &message) {
  // Runtimes set up what all of their networks share when they make one, and not all of them lock.
  static std::mutex making;
  try {
    const std::lock_guard<std::mutex> lock(making);
    network_ = load_network(file_, engine_).release();
  } catch (...) {
    message << file_.path.c_str() << ": ";
    return caught(message);
  }
  // Memory is allocated and outputs are compared with the labels in the first run.
  slu_error error;
  const slu_status status = compute(&file_.padding_id, nullptr, 1, &error);
  if (status != SLU_OK) message << file_.path.c_str() << ": " << error.message;
  return status;
}

void Encoder::close() {
  try {
    delete network_;
  } catch (...) {
  }
}

slu_status Encoder::compute(const int32_t *ids, const uint64_t *flags, uint32_t count, slu_error *error) {
  std::copy_n(ids, count, ids_);
  std::fill(ids_ + count, ids_ + file_.length, file_.padding_id);
  const uint32_t flagged = flags ? count : 0;
  std::fill(flags_ + size_t{flagged} * file_.flag_count, flags_ + size_t{file_.length} * file_.flag_count,
            0.0f);
  // FlagBits is for writing as well; here it is read only.
  if (flags)
    FlagBits{const_cast<uint64_t *>(flags), (file_.flag_count + 63) / 64}.write(flags_, count,
                                                                                file_.flag_count);
  try {
    std::vector<NetworkInput> inputs = {{kIdsName, ids_, false, {1, file_.length}}};
    if (file_.flag_count) inputs.push_back({kFlagsName, flags_, true, {1, file_.length, file_.flag_count}});
    network_->run(inputs, intents_, slots_);
    return SLU_OK;
  } catch (...) {
    Message message(error);
    return caught(message);
  }
}

}  // namespace slu
