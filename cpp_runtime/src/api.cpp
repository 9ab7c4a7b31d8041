// The functions of slu.h but those that open a model (open.cpp): arguments are checked here, and nowhere below.
#include "context.h"
#include "os.h"

using slu::Engine;
using slu::LexiconLevel;
using slu::Message;
using slu::View;
using slu::wrong_argument;

slu_status slu::wrong_argument(slu_error *error, const char *what) {
  Message(error) << what;
  return SLU_ERROR_ARGUMENT;
}

namespace {

slu_status check_text(slu_context *context, const char *text, size_t bytes) {
  context->error.message[0] = 0;
  if (!text && bytes) return wrong_argument(&context->error, "text is NULL");
  if (bytes > UINT32_MAX) return wrong_argument(&context->error, "text is 4 GiB or longer");
  return SLU_OK;
}

// The change that the arguments ask for.
slu_status check_change(const slu_model &model, slu_lexicon_change what, const char *slot, View phrases,
                        slu::LexiconChange *change, slu_error *error) {
  const slu_info &info = model.info;
  if (!info.uses_lexicon)
    return wrong_argument(
        error, "this model was trained without lexicons and cannot use them; take one with uses_lexicon");
  if (what < SLU_LEXICON_ADD || what > SLU_LEXICON_RESET)
    return wrong_argument(error, "not a value of slu_lexicon_change");
  if (!slot && what != SLU_LEXICON_RESET)
    return wrong_argument(error,
                          "slot is NULL, which only SLU_LEXICON_RESET allows; give the name of a slot");
  if (!phrases.data && phrases.bytes) return wrong_argument(error, "entries is NULL");
  *change = {what, slu::kAllSlots, phrases, model.normalisation};
  if (!slot) return SLU_OK;
  for (change->slot = 0; change->slot < info.slot_count; ++change->slot)
    if (View(slot) == info.slots[change->slot]) return SLU_OK;
  Message message(error);
  message << "the model has no slot " << slot << "; it has ";
  for (uint32_t i = 0; i < info.slot_count; ++i) message << (i ? ", " : "") << info.slots[i];
  return SLU_ERROR_ARGUMENT;
}

// Replace what a model says at its level of a kind by what `change` makes of it.
template <class Level, class Change>
slu_status change_level(slu::SharedLevel<Level> *shared, Change change) {
  for (;;) {
    Level *old = shared->acquire(), *next = nullptr;
    const slu_status status = change(old, &next);
    const bool done = status != SLU_OK || shared->exchange(old, next);
    shared->release(old);
    if (done) return status;
    level_free(next);  // another thread was faster: say it on top of what that one said
  }
}

// The same for the level of a context.
template <class Level, class Change>
slu_status change_level(Level **own, Change change) {
  Level *next;
  const slu_status status = change(*own, &next);
  if (status != SLU_OK) return status;
  level_free(*own);
  *own = next;
  return SLU_OK;
}

const slu_model &model_of(const slu_model *model) { return *model; }
const slu_model &model_of(const slu_context *context) { return context->model; }
slu::SharedLevel<LexiconLevel> *lexicon_of(slu_model *model) { return &model->lexicon; }
LexiconLevel **lexicon_of(slu_context *context) { return &context->lexicon; }
slu::SharedLevel<slu::PinLevel> *pins_of(slu_model *model) { return &model->pins; }
slu::PinLevel **pins_of(slu_context *context) { return &context->pins; }

template <class Owner>
slu_status change_lexicon(Owner *owner, slu_lexicon_change what, const char *slot, View phrases,
                          Message &message, slu_error *error) {
  const slu_model &model = model_of(owner);
  slu::LexiconChange change;
  const slu_status status = check_change(model, what, slot, phrases, &change, error);
  if (status != SLU_OK) return status;
  return change_level(lexicon_of(owner), [&](const LexiconLevel *old, LexiconLevel **next) {
    return slu::level_change(old, change, model.info.slot_count, next, message);
  });
}

template <class Owner>
slu_status change_pins(Owner *owner, slu_lexicon_change what, View lines, Message &message,
                       slu_error *error) {
  const slu_model &model = model_of(owner);
  if (model.answers_labels() || model.answers_spans())
    return wrong_argument(
        error,
        model.answers_labels()
            ? "texts can be pinned for models of intents and slots only; this one answers labels"
            : "texts can be pinned for models of intents and slots only; this one answers spans alone");
  if (what < SLU_LEXICON_ADD || what > SLU_LEXICON_RESET)
    return wrong_argument(error, "no such change of pinned texts");
  if (!lines.data && lines.bytes) return wrong_argument(error, "lines is NULL");
  const slu::PinChange change = {what, lines, model.normalisation};
  return change_level(pins_of(owner), [&](const slu::PinLevel *old, slu::PinLevel **next) {
    return slu::level_change(old, change, model.info, next, message);
  });
}

// Call change(content, message) with the content of a file; what it leaves in the message follows the file's name.
template <class Change>
slu_status change_by_file(const char *path, slu_error *error, Change change) {
  if (!path) return wrong_argument(error, "path is NULL");
  Message message(error);
  slu::Mapping file;
  if (!slu::os_map(path, &file)) {
    message << path << ": cannot be opened";
    return SLU_ERROR_FILE;
  }
  message << path << ": ";
  if (file.bytes > slu::kMostListBytes) {
    slu::os_unmap(file);
    message << "larger than 256 MiB; give lists of names, or of texts";
    return SLU_ERROR_FILE;
  }
  const slu_status status = change(View(reinterpret_cast<const char *>(file.data), file.bytes), message);
  slu::os_unmap(file);
  if (status == SLU_OK && error) error->message[0] = 0;
  return status;
}

template <class Owner>
slu_status change_lexicon_file(Owner *owner, slu_lexicon_change change, const char *slot, const char *path,
                               slu_error *error) {
  return change_by_file(path, error, [&](View phrases, Message &message) {
    return change_lexicon(owner, change, slot, phrases, message, error);
  });
}

template <class Owner>
slu_status change_pins_file(Owner *owner, slu_lexicon_change change, const char *path, slu_error *error) {
  return change_by_file(path, error, [&](View lines, Message &message) {
    return change_pins(owner, change, lines, message, error);
  });
}

slu_status parse(slu_context *context, const char *text, size_t text_bytes, const slu_result **result) {
  if (result) *result = nullptr;
  if (!context || !result) return SLU_ERROR_ARGUMENT;
  slu_status status = check_text(context, text, text_bytes);
  if (status != SLU_OK) return status;
  if (context->pinned(View(text, text_bytes))) {
    *result = &context->result;
    return SLU_OK;
  }
  if (context->model.answers_questions()) {
    status = context->answer_question(View(text, text_bytes));
    if (status == SLU_OK) *result = &context->result;
    return status;
  }
  status = context->tokenize(View(text, text_bytes));
  if (status != SLU_OK) return status;
  status = context->compute(context->tokens.ids, context->match(), context->tokens.count);
  if (status != SLU_OK) return status;
  context->decode(View(text, text_bytes));
  *result = &context->result;
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
      return "wrong argument";
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
  const Engine *engine = slu::engine_at(index);
  return engine ? engine->name : nullptr;
}

const slu_info *slu_model_info(const slu_model *model) { return model ? &model->info : nullptr; }

slu_status slu_context_create(const slu_model *model, const char *kernel, slu_context **context,
                              slu_error *error) {
  if (!context) return wrong_argument(error, "context is NULL");
  *context = nullptr;
  if (!model) return wrong_argument(error, "model is NULL");
  Message message(error);
  if (!kernel) kernel = model->info.kernel;
  const Engine *engine = slu::engine_named(kernel);
  if (!engine) {
    message << "kernel " << kernel
            << ": unknown, or not for this processor; slu_kernel_name lists those that are";
    return SLU_ERROR_KERNEL;
  }
  return slu::context_create(*model, *engine, context, message);
}

void slu_context_free(slu_context *context) {
  if (context) slu::context_destroy(context);
}

const char *slu_context_message(const slu_context *context) { return context ? context->error.message : ""; }

slu_status slu_parse(slu_context *context, const char *text, size_t text_bytes, const slu_result **result) {
  return parse(context, text, text_bytes, result);
}

slu_status slu_parse_each(slu_context *const *contexts, const char *const *texts, const size_t *text_bytes,
                          uint32_t count, const slu_result **results) {
  if (count && (!contexts || !texts || !text_bytes || !results)) return SLU_ERROR_ARGUMENT;
  slu_status first = SLU_OK;
  for (uint32_t i = 0; i < count; ++i) {
    const slu_status status = parse(contexts[i], texts[i], text_bytes[i], results + i);
    if (first == SLU_OK) first = status;
  }
  return first;
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
  if (input->flags && !info.flag_count)
    return wrong_argument(&context->error, "this model takes no flags; pass NULL");
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
  const uint64_t *bits = nullptr;
  if (input->flags) {
    bits = context->flags.read(input->flags, input->count, info.flag_count);
    if (!bits) return wrong_argument(&context->error, "a flag is neither 0 nor 1");
  }
  const slu_status status = context->compute(input->ids, bits, input->count);
  if (status != SLU_OK) return status;
  context->logits = {info.intent_count, context->model.tag_count, input->count, context->encoder.intents(),
                     context->encoder.slots()};
  *logits = &context->logits;
  return SLU_OK;
}

slu_status slu_flags(slu_context *context, const char *text, size_t text_bytes, float *flags,
                     size_t capacity) {
  if (!context) return SLU_ERROR_ARGUMENT;
  slu_status status = check_text(context, text, text_bytes);
  if (status == SLU_OK) status = context->tokenize(View(text, text_bytes));
  if (status != SLU_OK) return status;
  const size_t tokens = context->tokens.count, columns = context->model.info.flag_count;
  if (!columns) return wrong_argument(&context->error, "this model takes no flags; pass NULL");
  if (!flags || capacity / columns < tokens)
    return wrong_argument(
        &context->error,
        "capacity is too small for the flags; max_tokens * flag_count floats are always enough");
  context->match();
  context->flags.write(flags, tokens, columns);
  return SLU_OK;
}

slu_status slu_model_change_lexicon(slu_model *model, slu_lexicon_change change, const char *slot,
                                    const char *phrases, size_t bytes, slu_error *error) {
  if (!model) return wrong_argument(error, "model is NULL");
  Message message(error);
  return change_lexicon(model, change, slot, View(phrases, bytes), message, error);
}

slu_status slu_model_change_lexicon_file(slu_model *model, slu_lexicon_change change, const char *slot,
                                         const char *path, slu_error *error) {
  return model ? change_lexicon_file(model, change, slot, path, error)
               : wrong_argument(error, "model is NULL");
}

slu_status slu_context_change_lexicon(slu_context *context, slu_lexicon_change change, const char *slot,
                                      const char *phrases, size_t bytes, slu_error *error) {
  if (!context) return wrong_argument(error, "context is NULL");
  Message message(error);
  return change_lexicon(context, change, slot, View(phrases, bytes), message, error);
}

slu_status slu_context_change_lexicon_file(slu_context *context, slu_lexicon_change change, const char *slot,
                                           const char *path, slu_error *error) {
  return context ? change_lexicon_file(context, change, slot, path, error)
                 : wrong_argument(error, "context is NULL");
}

slu_status slu_model_change_pins(slu_model *model, slu_lexicon_change change, const char *lines, size_t bytes,
                                 slu_error *error) {
  if (!model) return wrong_argument(error, "model is NULL");
  Message message(error);
  return change_pins(model, change, View(lines, bytes), message, error);
}

slu_status slu_model_change_pins_file(slu_model *model, slu_lexicon_change change, const char *path,
                                      slu_error *error) {
  return model ? change_pins_file(model, change, path, error) : wrong_argument(error, "model is NULL");
}

slu_status slu_context_change_pins(slu_context *context, slu_lexicon_change change, const char *lines,
                                   size_t bytes, slu_error *error) {
  if (!context) return wrong_argument(error, "context is NULL");
  Message message(error);
  return change_pins(context, change, View(lines, bytes), message, error);
}

slu_status slu_context_change_pins_file(slu_context *context, slu_lexicon_change change, const char *path,
                                        slu_error *error) {
  return context ? change_pins_file(context, change, path, error) : wrong_argument(error, "context is NULL");
}

slu_status slu_set_previous_intent(slu_context *context, int32_t intent) {
  if (!context) return SLU_ERROR_ARGUMENT;
  const slu_info &info = context->model.info;
  context->error.message[0] = 0;
  if (!info.uses_previous_intent)
    return wrong_argument(&context->error,
                          "this model was trained without the previous intent and cannot use it");
  if (intent < SLU_TURN_UNKNOWN || (intent >= 0 && static_cast<uint32_t>(intent) >= info.intent_count))
    return wrong_argument(
        &context->error,
        "no intent has this index; give one below intent_count, SLU_TURN_FIRST or SLU_TURN_UNKNOWN");
  context->previous_intent = intent;
  return SLU_OK;
}
}
