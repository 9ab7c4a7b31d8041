// The functions of slu.h: arguments are checked here, and nowhere below.
#include "context.h"

using slu::Kernels;
using slu::Message;
using slu::View;

namespace {

slu_status wrong_argument(slu_error *error, const char *what) {
  Message(error) << what;
  return SLU_ERROR_ARGUMENT;
}

// A model whose memory is in place; fills what only this file knows.
slu_status finish_open(slu_model *model, slu_model **result) {
  model->info.kernel = slu::kernels_at(0)->name;
  model->info.context_bytes = slu::context_bytes(*model);
  *result = model;
  return SLU_OK;
}

slu_status check_text(slu_context *context, const char *text, size_t bytes) {
  context->error.message[0] = 0;
  if (!text && bytes) return wrong_argument(&context->error, "text is NULL");
  if (bytes > UINT32_MAX) return wrong_argument(&context->error, "text is 4 GiB or longer");
  return SLU_OK;
}

}  // namespace

extern "C" {

const char *slu_version(void) { return SLU_VERSION; }

const char *slu_status_text(slu_status status) {
  switch (status) {
    case SLU_OK:
      return "success";
    case SLU_ERROR_ARGUMENT:
      return "an argument cannot be used";
    case SLU_ERROR_FILE:
      return "the file cannot be opened";
    case SLU_ERROR_FORMAT:
      return "not a model of this kind, or a damaged one";
    case SLU_ERROR_VERSION:
      return "the model is of a version that this library does not read";
    case SLU_ERROR_MEMORY:
      return "out of memory";
    case SLU_ERROR_INVALID_UTF8:
      return "the text is not UTF-8";
    case SLU_ERROR_KERNEL:
      return "no such kernel on this processor";
    case SLU_STATUS_IS_INT:
      break;
  }
  return "unknown status";
}

const char *slu_kernel_name(uint32_t index) {
  const Kernels *kernels = slu::kernels_at(index);
  return kernels ? kernels->name : nullptr;
}

slu_status slu_model_open(const char *path, slu_model **model, slu_error *error) {
  if (!model) return wrong_argument(error, "model is NULL");
  *model = nullptr;
  if (!path) return wrong_argument(error, "path is NULL");
  Message message(error);
  slu::Mapping mapping;
  if (!slu::os_map(path, &mapping)) {
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

const slu_info *slu_model_info(const slu_model *model) { return model ? &model->info : nullptr; }

slu_status slu_context_create(const slu_model *model, const char *kernel, slu_context **context,
                              slu_error *error) {
  if (!context) return wrong_argument(error, "context is NULL");
  *context = nullptr;
  if (!model) return wrong_argument(error, "model is NULL");
  Message message(error);
  const Kernels *kernels = kernel ? slu::kernels_named(kernel) : slu::kernels_at(0);
  if (!kernels) {
    message << "kernel " << kernel
            << ": unknown, or not for this processor; slu_kernel_name lists those that are";
    return SLU_ERROR_KERNEL;
  }
  return slu::context_create(*model, *kernels, context, message);
}

void slu_context_free(slu_context *context) {
  if (context) slu::os_free(context, context->own_bytes);
}

const char *slu_context_message(const slu_context *context) { return context ? context->error.message : ""; }

slu_status slu_parse(slu_context *context, const char *text, size_t text_bytes, const slu_result **result) {
  if (result) *result = nullptr;
  if (!context || !result) return SLU_ERROR_ARGUMENT;
  slu_status status = check_text(context, text, text_bytes);
  if (status == SLU_OK) status = context->tokenize(View(text, text_bytes));
  if (status != SLU_OK) return status;
  context->compute();
  context->decode();
  *result = &context->result;
  return SLU_OK;
}

slu_status slu_tokenize(slu_context *context, const char *text, size_t text_bytes,
                        const slu_tokens **tokens) {
  if (tokens) *tokens = nullptr;
  if (!context || !tokens) return SLU_ERROR_ARGUMENT;
  slu_status status = check_text(context, text, text_bytes);
  if (status == SLU_OK) status = context->tokenize(View(text, text_bytes));
  if (status != SLU_OK) return status;
  const slu::Tokens &own = context->tokens;
  context->public_tokens = {own.count, own.truncated, own.ids, own.starts, own.ends};
  *tokens = &context->public_tokens;
  return SLU_OK;
}

slu_status slu_run(slu_context *context, const slu_input *input, const slu_logits **logits) {
  if (logits) *logits = nullptr;
  if (!context || !logits) return SLU_ERROR_ARGUMENT;
  context->error.message[0] = 0;
  const slu_info &info = context->model.info;
  if (!input || input->size < sizeof(slu_input) || !input->ids)
    return wrong_argument(&context->error, "input or its ids are NULL, or its size is not set");
  if (input->flags) return wrong_argument(&context->error, "this model takes no flags");
  if (input->count < 1 || input->count > info.max_tokens) {
    Message(&context->error) << uint64_t{input->count} << " tokens, 1 to " << uint64_t{info.max_tokens}
                             << " can be computed";
    return SLU_ERROR_ARGUMENT;
  }
  for (uint32_t i = 0; i < input->count; ++i)
    if (input->ids[i] < 0 || static_cast<uint32_t>(input->ids[i]) >= info.vocab_size) {
      Message(&context->error) << "token " << uint64_t{i} << " is not in the vocabulary";
      return SLU_ERROR_ARGUMENT;
    }
  context->encoder.run(input->ids, input->count);
  context->logits = {info.intent_count, context->model.tag_count, input->count, context->encoder.intents(),
                     context->encoder.slots()};
  *logits = &context->logits;
  return SLU_OK;
}
}
