// The functions of slu.h that open a model file and close it again.
#include "context.h"

using slu::Message;
using slu::wrong_argument;

namespace {

// A model whose memory is in place; fills what only this file knows.
slu_status finish_open(slu_model *model, slu_model **result) {
  model->info.kernel = slu::engine_at(0)->name;
  model->info.context_bytes = slu::context_bytes(*model);
  *result = model;
  return SLU_OK;
}

}  // namespace

extern "C" {

slu_status slu_model_open(const char *path, slu_model **model, slu_error *error) {
  if (!model) return wrong_argument(error, "model is NULL");
  *model = nullptr;
  if (!path) return wrong_argument(error, "path is NULL");
  Message message(error);
  slu::Mapping mapping;
  if (!slu::os_map(path, &mapping) || !mapping.bytes) {
    message << path << ": cannot be opened, or is empty";
    return SLU_ERROR_FILE;
  }
  message << path << ": ";
  slu_model *opened;
  const slu_status status = slu::model_create(mapping.data, mapping.bytes, &opened, message);
  if (status != SLU_OK) {
    slu::os_unmap(mapping);
    return status;
  }
  if (error) error->message[0] = 0;
  opened->mapping = mapping;
  return finish_open(opened, model);
}

slu_status slu_model_open_memory(const void *data, size_t bytes, slu_model **model, slu_error *error) {
  if (!model) return wrong_argument(error, "model is NULL");
  *model = nullptr;
  if (!data) return wrong_argument(error, "data is NULL");
  Message message(error);
  slu_model *opened;
  const slu_status status = slu::model_create(static_cast<const uint8_t *>(data), bytes, &opened, message);
  return status == SLU_OK ? finish_open(opened, model) : status;
}

void slu_model_close(slu_model *model) {
  if (model) slu::model_destroy(model);
}
}
