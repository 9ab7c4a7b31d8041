// The functions of slu.h that open and close a model, which is a network file of a bundle with labels.gguf beside it.
#include <new>
#include <string>

#include "../src/context.h"
#include "labels_file.h"
#include "runtime.h"

namespace {

using slu::Failure;
using slu::Message;
using slu::NetworkFile;

constexpr const char *kLabels = "labels.gguf";

bool ends_with(const std::string &text, const std::string &end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// What labels.gguf says of the network at `path`, and of its size; throws unless the files are the ones described.
NetworkFile network_file(const slu_model &model, const std::string &directory, const std::string &name) {
  NetworkFile file;
  file.path = directory + name;
  file.suffix = name.substr(name.rfind('.') + 1);
  file.bytes = slu::check_network_file(model.mapping.data, model.mapping.bytes, directory, name);
  if (file.suffix == "pdmodel") {
    const std::string parameters = name.substr(0, name.rfind('.')) + ".pdiparams";
    file.bytes += slu::check_network_file(model.mapping.data, model.mapping.bytes, directory, parameters);
    file.companion = directory + parameters;
  }
  file.length = model.info.max_tokens;
  file.intent_count = model.info.intent_count;
  file.tag_count = model.tag_count;
  file.flag_count = model.info.flag_count;
  file.padding_id = model.vocabulary.find(slu::View("[PAD]"));
  return file;
}

const char *default_engine(const NetworkFile &file) {
  try {
    return slu::engine_for(file)->name;
  } catch (const Failure &failure) {
    throw Failure(failure.status, file.path + ": " + failure.what());
  }
}

// The labels, with the network that is to be loaded for every context.
slu_model *open_model(const std::string &path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1), name = path.substr(directory.size());
  if (name.find('.') == std::string::npos || ends_with(name, ".gguf"))
    throw Failure(SLU_ERROR_ARGUMENT, path +
                                          ": this library opens the network file of a bundle, beside its " +
                                          kLabels + ", such as model.arm.nb");
  slu::Mapping mapping;
  if (!slu::os_map((directory + kLabels).c_str(), &mapping))
    throw Failure(SLU_ERROR_FILE,
                  directory + kLabels + ": cannot be opened; `slu export` writes it beside " + name);
  slu_error error;
  Message message(&error);
  slu_model *model;
  const slu_status status = slu::model_create(mapping.data, mapping.bytes, &model, message);
  if (status != SLU_OK) {
    slu::os_unmap(mapping);
    throw Failure(status, directory + kLabels + ": " + error.message);
  }
  model->mapping = mapping;
  try {
    if (model->answers_labels() || model->answers_spans() || model->ngrams.rows)
      throw Failure(SLU_ERROR_VERSION, path + ": a model " +
                                           (model->answers_labels()      ? "of labels"
                                            : model->answers_questions() ? "of answers to questions"
                                            : model->answers_spans()     ? "of spans alone"
                                                                         : "that reads n-grams") +
                                           ", which the native engine runs and this library does not; take "
                                           "model.gguf");
    auto file = std::make_unique<NetworkFile>(network_file(*model, directory, name));
    model->info.kernel = default_engine(*file);
    model->info.model_bytes = mapping.bytes + file->bytes;
    model->network = file.release();  // slu_model_close deletes it
    model->info.context_bytes = slu::context_bytes(*model);
  } catch (...) {
    slu_model_close(model);
    throw;
  }
  return model;
}

}  // namespace

extern "C" {

slu_status slu_model_open(const char *path, slu_model **model, slu_error *error) {
  if (!model) return slu::wrong_argument(error, "model is NULL");
  *model = nullptr;
  if (!path) return slu::wrong_argument(error, "path is NULL");
  Message message(error);
  try {
    *model = open_model(path);
    return SLU_OK;
  } catch (...) {
    return slu::caught(message);
  }
}

slu_status slu_model_open_memory(const void *, size_t, slu_model **model, slu_error *error) {
  if (model) *model = nullptr;
  return slu::wrong_argument(error, "this library opens models by their path only; copy the assets to files");
}

void slu_model_close(slu_model *model) {
  if (!model) return;
  delete static_cast<NetworkFile *>(model->network);
  slu::model_destroy(model);
}
}
