// org.slu.SluNative: slu.h for Java. Every entry checks what it is given, and turns every status into an exception. Java is
// called for nothing but exceptions; what is computed goes back in arrays.
#include "slu/slu.h"
#include "strings.h"

using slu::Buffer;
using slu::Utf8;
using slu::View;

namespace {

constexpr const char *kClass = "org/slu/SluNative";
constexpr jint kNoPreviousIntent = -3;  // for models that take none, and would refuse any
constexpr uint32_t kNothing = 0;

jclass native_class;     // of kClass, a global reference
jmethodID exception_of;  // RuntimeException exception(int status, String message)

void raise(JNIEnv *env, slu_status status, const char *message) {
  if (env->ExceptionCheck()) return;
  const jstring text = slu::java_string(env, View(message));
  if (env->ExceptionCheck()) return;
  const jobject exception = env->CallStaticObjectMethod(native_class, exception_of, jint{status}, text);
  if (exception && !env->ExceptionCheck()) env->Throw(static_cast<jthrowable>(exception));
}

void raise(JNIEnv *env, slu_status status, const slu_error &error) {
  raise(env, status, error.message[0] ? error.message : slu_status_text(status));
}

bool wrong(JNIEnv *env, const char *what) {
  raise(env, SLU_ERROR_ARGUMENT, what);
  return false;
}

// Reads an argument that is a string of C.
bool read_name(JNIEnv *env, jstring string, Utf8 *name, const char *with_nul) {
  if (!name->read(env, string)) {
    raise(env, SLU_ERROR_MEMORY, slu_status_text(SLU_ERROR_MEMORY));
    return false;
  }
  return name->is_c() || wrong(env, with_nul);
}

template <class T>
T *pointer(jlong handle) {
  return reinterpret_cast<T *>(static_cast<uintptr_t>(handle));
}
jlong handle(const void *pointer) { return static_cast<jlong>(reinterpret_cast<uintptr_t>(pointer)); }

// What Java has the handle of. The reference keeps the memory that the model is read from, where that is Java's: a field
// of a Java class would not, as optimisers drop fields that nobody reads.
struct Model {
  slu_model *model;
  jobject memory;
};

slu_model *model_of(jlong given) { return given ? pointer<Model>(given)->model : nullptr; }

const slu_info *info_of(JNIEnv *env, jlong model) {
  const slu_info *info = slu_model_info(model_of(model));
  if (!info) wrong(env, "no model");
  return info;
}

jstring version(JNIEnv *env, jclass) { return slu::java_string(env, View(slu_version())); }

jstring kernel(JNIEnv *env, jclass, jint index) {
  const char *name = index < 0 ? nullptr : slu_kernel_name(static_cast<uint32_t>(index));
  return name ? slu::java_string(env, View(name)) : nullptr;
}

const uint8_t *address(JNIEnv *env, jobject buffer, jint offset) {
  auto *base =
      buffer && offset >= 0 ? static_cast<const uint8_t *>(env->GetDirectBufferAddress(buffer)) : nullptr;
  return base ? base + offset : nullptr;
}

jboolean is_aligned(JNIEnv *env, jclass, jobject buffer, jint offset) {
  return reinterpret_cast<uintptr_t>(address(env, buffer, offset)) % 4 == 0;
}

void close_model(JNIEnv *env, jclass, jlong given) {
  if (!given) return;
  Model *model = pointer<Model>(given);
  slu_model_close(model->model);
  if (model->memory) env->DeleteGlobalRef(model->memory);
  slu::os_free(model, sizeof(Model));
}

// Opens by `open(&model, &error)`; returns the handle, or 0 with an exception pending.
template <class Open>
jlong open_model(JNIEnv *env, jobject memory, Open open) {
  auto *result = static_cast<Model *>(slu::os_allocate(sizeof(Model)));
  slu_error error;
  error.message[0] = 0;
  slu_status status = result ? open(&result->model, &error) : SLU_ERROR_MEMORY;
  if (status == SLU_OK && memory && !(result->memory = env->NewGlobalRef(memory))) status = SLU_ERROR_MEMORY;
  if (status == SLU_OK) return handle(result);
  raise(env, status, error);
  if (!result) return 0;
  slu_model_close(result->model);
  slu::os_free(result, sizeof(Model));
  return 0;
}

jlong open_buffer(JNIEnv *env, jclass, jobject buffer, jint offset, jint length) {
  const uint8_t *data = address(env, buffer, offset);
  // An empty buffer need not have an address; it is no model either.
  if (buffer && length == 0) data = reinterpret_cast<const uint8_t *>(&kNothing);
  if (!data || length < 0 || (length && env->GetDirectBufferCapacity(buffer) < jlong{offset} + length))
    return wrong(env, "the memory of the model is not a part of a direct buffer");
  return open_model(env, buffer, [=](slu_model **model, slu_error *error) {
    return slu_model_open_memory(data, static_cast<size_t>(length), model, error);
  });
}

jlong open_file(JNIEnv *env, jclass, jstring given) {
  Utf8 path;
  if (!given) return wrong(env, "path is null");
  if (!read_name(env, given, &path, "a path cannot have NUL in it")) return 0;
  return open_model(env, nullptr, [&](slu_model **model, slu_error *error) {
    return slu_model_open(path.data(), model, error);
  });
}

jlongArray numbers(JNIEnv *env, jclass, jlong model) {
  const slu_info *info = info_of(env, model);
  if (!info) return nullptr;
  jlong threshold;
  slu::copy_bytes(&threshold, &info->threshold, sizeof threshold);
  const jlong values[] = {info->format_version,
                          info->layers,
                          info->hidden_size,
                          info->heads,
                          info->vocab_size,
                          info->max_tokens,
                          info->quantised,
                          info->uses_lexicon,
                          info->lexicon_entries,
                          info->uses_previous_intent,
                          static_cast<jlong>(info->model_bytes),
                          static_cast<jlong>(info->context_bytes),
                          threshold};
  constexpr jsize kCount = sizeof values / sizeof values[0];
  const jlongArray result = env->NewLongArray(kCount);
  if (result) env->SetLongArrayRegion(result, 0, kCount, values);
  return result;
}

// The strings of `count` views.
template <class At>
jobjectArray strings(JNIEnv *env, uint32_t count, At at) {
  const jclass type = env->FindClass("java/lang/String");
  if (!type) return nullptr;
  const jobjectArray result = env->NewObjectArray(static_cast<jsize>(count), type, nullptr);
  for (uint32_t i = 0; result && i < count; ++i) {
    const jstring text = slu::java_string(env, at(i));
    if (!text) {
      raise(env, SLU_ERROR_MEMORY, slu_status_text(SLU_ERROR_MEMORY));
      return nullptr;
    }
    env->SetObjectArrayElement(result, static_cast<jsize>(i), text);
    env->DeleteLocalRef(text);
  }
  return result;
}

jobjectArray names(JNIEnv *env, jclass, jlong model, jint which) {
  const slu_info *info = info_of(env, model);
  if (!info) return nullptr;
  switch (which) {
    case 0: {
      const View texts[] = {View(info->name), View(info->kernel),
                            View(info->manifest, info->manifest ? info->manifest_bytes : 0),
                            View(info->head)};
      return strings(env, 4, [&](uint32_t i) { return texts[i]; });
    }
    case 1:
      return strings(env, info->intent_count, [&](uint32_t i) { return View(info->intents[i]); });
    case 2:
      return strings(env, info->slot_count, [&](uint32_t i) { return View(info->slots[i]); });
    default:
      wrong(env, "no such names");
      return nullptr;
  }
}

jlong create_context(JNIEnv *env, jclass, jlong model, jstring given) {
  Utf8 kernel_name;
  if (!info_of(env, model) || !read_name(env, given, &kernel_name, "no kernel has NUL in its name")) return 0;
  slu_context *context;
  slu_error error;
  const slu_status status = slu_context_create(model_of(model), kernel_name.data(), &context, &error);
  if (status != SLU_OK) raise(env, status, error);
  return status == SLU_OK ? handle(context) : 0;
}

void free_context(JNIEnv *, jclass, jlong context) { slu_context_free(pointer<slu_context>(context)); }

void raise_last(JNIEnv *env, const slu_context *context, slu_status status) {
  const char *message = slu_context_message(context);
  raise(env, status, message[0] ? message : slu_status_text(status));
}

void write_result(JNIEnv *env, const slu_result &found, const char *text, jintArray result) {
  jint score;
  slu::copy_bytes(&score, &found.score, sizeof score);
  const jint head[] = {*found.intent ? static_cast<jint>(found.intent_index) : -1,
                       score,
                       static_cast<jint>(found.understood),
                       static_cast<jint>(found.truncated),
                       static_cast<jint>(found.pinned),
                       static_cast<jint>(found.slot_count),
                       static_cast<jint>(found.label_count)};
  jsize at = sizeof head / sizeof head[0];
  env->SetIntArrayRegion(result, 0, at, head);
  uint32_t bytes = 0, units = 0;  // of the text so far: slots come in its order
  for (uint32_t i = 0; i < found.slot_count && !env->ExceptionCheck(); ++i, at += 3) {
    const slu_slot &slot = found.slots[i];
    const uint32_t start = units + slu::utf16_units(text + bytes, slot.byte_start - bytes);
    units = start + slu::utf16_units(text + slot.byte_start, slot.byte_end - slot.byte_start);
    bytes = slot.byte_end;
    const jint values[] = {static_cast<jint>(slot.index), static_cast<jint>(start), static_cast<jint>(units)};
    env->SetIntArrayRegion(result, at, 3, values);
  }
  for (uint32_t i = 0; i < found.label_count && !env->ExceptionCheck(); ++i, at += 2) {
    jint values[] = {static_cast<jint>(found.labels[i].index), 0};
    slu::copy_bytes(values + 1, &found.labels[i].score, sizeof(jint));
    env->SetIntArrayRegion(result, at, 2, values);
  }
}

void parse(JNIEnv *env, jclass, jlong given, jstring given_text, jint previous, jintArray result) {
  slu_context *context = pointer<slu_context>(given);
  if (!context || !given_text || !result) {
    wrong(env, "no context, text or result");
    return;
  }
  Utf8 text;
  if (!text.read(env, given_text)) return raise(env, SLU_ERROR_MEMORY, slu_status_text(SLU_ERROR_MEMORY));
  slu_status status = SLU_OK;
  if (previous != kNoPreviousIntent) status = slu_set_previous_intent(context, previous);
  const slu_result *found = nullptr;
  if (status == SLU_OK) status = slu_parse(context, text.data(), text.bytes(), &found);
  if (status != SLU_OK) return raise_last(env, context, status);
  write_result(env, *found, text.data(), result);
}

template <class Owner>
void change_lexicon(JNIEnv *env, Owner *owner, jint change, jstring given_slot, jstring given_phrases,
                    slu_status (*make)(Owner *, slu_lexicon_change, const char *, const char *, size_t,
                                       slu_error *)) {
  if (!owner || !given_phrases) {
    wrong(env, "no owner of a lexicon, or no phrases");
    return;
  }
  if (change < 0) {
    wrong(env, "no such change of a lexicon");
    return;
  }
  Utf8 slot, phrases;
  if (!read_name(env, given_slot, &slot, "no slot has NUL in its name")) return;
  if (!phrases.read(env, given_phrases))
    return raise(env, SLU_ERROR_MEMORY, slu_status_text(SLU_ERROR_MEMORY));
  slu_error error;
  error.message[0] = 0;
  const slu_status status = make(owner, static_cast<slu_lexicon_change>(change), slot.data(), phrases.data(),
                                 phrases.bytes(), &error);
  if (status != SLU_OK) raise(env, status, error);
}

void change_model_lexicon(JNIEnv *env, jclass, jlong model, jint change, jstring slot, jstring phrases) {
  change_lexicon(env, model_of(model), change, slot, phrases, slu_model_change_lexicon);
}

void change_context_lexicon(JNIEnv *env, jclass, jlong context, jint change, jstring slot, jstring phrases) {
  change_lexicon(env, pointer<slu_context>(context), change, slot, phrases, slu_context_change_lexicon);
}

template <class Owner>
void change_pins(JNIEnv *env, Owner *owner, jint change, jstring given_lines,
                 slu_status (*make)(Owner *, slu_lexicon_change, const char *, size_t, slu_error *)) {
  if (!owner || !given_lines || change < 0) {
    wrong(env, "no owner of pinned phrases, no lines, or no such change");
    return;
  }
  Utf8 lines;
  if (!lines.read(env, given_lines)) return raise(env, SLU_ERROR_MEMORY, slu_status_text(SLU_ERROR_MEMORY));
  slu_error error;
  error.message[0] = 0;
  const slu_status status =
      make(owner, static_cast<slu_lexicon_change>(change), lines.data(), lines.bytes(), &error);
  if (status != SLU_OK) raise(env, status, error);
}

void change_model_pins(JNIEnv *env, jclass, jlong model, jint change, jstring lines) {
  change_pins(env, model_of(model), change, lines, slu_model_change_pins);
}

void change_context_pins(JNIEnv *env, jclass, jlong context, jint change, jstring lines) {
  change_pins(env, pointer<slu_context>(context), change, lines, slu_context_change_pins);
}

template <class Function>
constexpr JNINativeMethod method(const char *name, const char *signature, Function function) {
  return {const_cast<char *>(name), const_cast<char *>(signature), reinterpret_cast<void *>(function)};
}

bool register_natives(JNIEnv *env) {
  const JNINativeMethod methods[] = {
      method("version", "()Ljava/lang/String;", version),
      method("kernel", "(I)Ljava/lang/String;", kernel),
      method("isAligned", "(Ljava/nio/ByteBuffer;I)Z", is_aligned),
      method("openBuffer", "(Ljava/nio/ByteBuffer;II)J", open_buffer),
      method("openFile", "(Ljava/lang/String;)J", open_file),
      method("closeModel", "(J)V", close_model),
      method("numbers", "(J)[J", numbers),
      method("names", "(JI)[Ljava/lang/String;", names),
      method("createContext", "(JLjava/lang/String;)J", create_context),
      method("freeContext", "(J)V", free_context),
      method("parse", "(JLjava/lang/String;I[I)V", parse),
      method("changeModelLexicon", "(JILjava/lang/String;Ljava/lang/String;)V", change_model_lexicon),
      method("changeContextLexicon", "(JILjava/lang/String;Ljava/lang/String;)V", change_context_lexicon),
      method("changeModelPins", "(JILjava/lang/String;)V", change_model_pins),
      method("changeContextPins", "(JILjava/lang/String;)V", change_context_pins),
  };
  const jclass local = env->FindClass(kClass);
  if (!local) return false;
  exception_of =
      env->GetStaticMethodID(local, "exception", "(ILjava/lang/String;)Ljava/lang/RuntimeException;");
  if (!exception_of || env->RegisterNatives(local, methods, sizeof methods / sizeof methods[0]) != 0)
    return false;
  native_class = static_cast<jclass>(env->NewGlobalRef(local));
  return native_class != nullptr;
}

}  // namespace

extern "C" {

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *) {
  void *env = nullptr;
  if (vm->GetEnv(&env, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  return register_natives(static_cast<JNIEnv *>(env)) ? JNI_VERSION_1_6 : JNI_ERR;
}

JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *) {
  void *env = nullptr;
  if (native_class && vm->GetEnv(&env, JNI_VERSION_1_6) == JNI_OK)
    static_cast<JNIEnv *>(env)->DeleteGlobalRef(native_class);
}
}
