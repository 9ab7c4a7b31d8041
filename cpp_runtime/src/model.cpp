#include "model.h"

#include <new>

#include "gguf.h"
#include "label_sets.h"
#include "names.h"
#include "ngrams.h"
#include "utf8.h"
#include "weights.h"

namespace slu {
namespace {

// Sizes above these are refused; they keep int32 sums of products exact and every later size inside 64 bits.
constexpr uint32_t kMostInputs = 65536;
constexpr uint32_t kMostLayers = 256, kMostTokens = 8192, kMostNames = 16383;

enum KeyIndex {
  kFormat,
  kBlocks,
  kHidden,
  kFeedForward,
  kHeads,
  kHeadSize,
  kContext,
  kEpsilon,
  kInputs,
  kFlags,
  kIntents,
  kSlots,
  kSlotCounts,
  kSlotIndices,
  kThreshold,
  kArchitecture,
  kTokenizer,
  kTokens,
  kName,
  kManifest,
  kNormalisation,
  kHead,
  kLabels,
  kLabelParents,
  kLabelRules,
  kPairs,
  kNgramRows,
  kNgramWidth,
  kKeyCount
};

class Builder {
 public:
  Builder(const uint8_t *data, size_t bytes, Message &message)
      : data_(data), bytes_(bytes), message_(message) {}

  slu_status read_header();
  slu_status read_sizes();
  // Twice: with an arena that only counts, and with the memory.
  slu_status build(Arena *arena, slu_model *model);

 private:
  slu_status damaged(const char *what) {
    message_ << what << "; export the model again";
    return SLU_ERROR_FORMAT;
  }
  slu_status damaged(const char *what, View name) {
    message_ << what << " " << name << "; export the model again";
    return SLU_ERROR_FORMAT;
  }
  slu_status normalisation();
  slu_status inputs();
  slu_status names(KeyIndex key, uint32_t *count);
  const char **copy_names(Arena *arena, const Key &key, uint32_t count);
  char *copy_string(Arena *arena, View text);
  slu_status slot_sets(Arena *arena, slu_model *model);
  bool has_head() const { return keys_[kHead].found; }
  bool has_spans() const { return has_head() && keys_[kSlots].found; }
  bool has_labels() const { return has_head() && !keys_[kSlots].found; }

  const uint8_t *data_;
  size_t bytes_;
  Message &message_;
  Gguf gguf_;
  slu_info info_{};
  uint32_t hidden_padded_ = 0;
  Ngrams ngrams_;
  Key keys_[kKeyCount] = {
      {"ernie-slu.format_version", ValueType::kUint32},
      {"ernie-slu.block_count", ValueType::kUint32},
      {"ernie-slu.embedding_length", ValueType::kUint32},
      {"ernie-slu.feed_forward_length", ValueType::kUint32},
      {"ernie-slu.attention.head_count", ValueType::kUint32},
      {"ernie-slu.attention.key_length", ValueType::kUint32},
      {"ernie-slu.context_length", ValueType::kUint32},
      {"ernie-slu.attention.layer_norm_epsilon", ValueType::kFloat32},
      {"ernie-slu.inputs", ValueType::kArray, ValueType::kString},
      {"ernie-slu.flags", ValueType::kArray, ValueType::kString},
      {"ernie-slu.intents", ValueType::kArray, ValueType::kString},
      {"ernie-slu.slots", ValueType::kArray, ValueType::kString},
      {"ernie-slu.slots_of_intent.counts", ValueType::kArray, ValueType::kInt32},
      {"ernie-slu.slots_of_intent.slots", ValueType::kArray, ValueType::kInt32},
      {"ernie-slu.threshold", ValueType::kFloat64},
      {"general.architecture", ValueType::kString},
      {"tokenizer.ggml.model", ValueType::kString},
      {"tokenizer.ggml.tokens", ValueType::kArray, ValueType::kString},
      {"general.name", ValueType::kString},
      {"ernie-slu.manifest", ValueType::kString},
      {"ernie-slu.normalisation", ValueType::kString},
      {"ernie-slu.head", ValueType::kString},
      {"ernie-slu.labels", ValueType::kArray, ValueType::kString},
      {"ernie-slu.labels.parents", ValueType::kArray, ValueType::kInt32},
      {"ernie-slu.labels.rules", ValueType::kArray, ValueType::kInt32},
      {"ernie-slu.pairs", ValueType::kUint32},
      {"ernie-slu.ngrams.rows", ValueType::kUint32},
      {"ernie-slu.ngrams.width", ValueType::kUint32},
  };
};

View string_of(const Key &key) {
  View text;
  Cursor cursor = key.strings();
  if (key.found) cursor.string(&text);
  return text;
}

slu_status Builder::read_header() {
  if (reinterpret_cast<uintptr_t>(data_) % 4) {
    message_ << "the memory of a model must be aligned to 4 bytes";
    return SLU_ERROR_ARGUMENT;
  }
  const slu_status status = gguf_.open(data_, bytes_, keys_, kKeyCount, message_);
  if (status != SLU_OK) return status;
  if (!(string_of(keys_[kArchitecture]) == "ernie-slu")) {
    message_ << "a GGUF file of another kind of model (" << string_of(keys_[kArchitecture])
             << "); ernie-slu is expected";
    return SLU_ERROR_FORMAT;
  }
  if (!keys_[kFormat].found) return damaged("the key ernie-slu.format_version is missing");
  const auto version = keys_[kFormat].number<uint32_t>();
  if (version < kFormatVersion || version > kScoresVersion) {
    message_ << "model format version " << uint64_t{version} << ", this library reads versions "
             << uint64_t{kFormatVersion} << " to " << uint64_t{kScoresVersion} << "; export the model again";
    return SLU_ERROR_VERSION;
  }
  info_.format_version = version;
  const slu_status normalised = normalisation();
  if (normalised != SLU_OK) return normalised;
  const slu_status status_of_head =
      head_read({keys_[kHead], keys_[kLabels], keys_[kLabelParents], keys_[kLabelRules], keys_[kPairs]},
                {keys_[kIntents], keys_[kSlots], keys_[kSlotCounts], keys_[kFlags]}, &info_, message_);
  if (status_of_head != SLU_OK) return status_of_head;
  for (int k = 0; k < kArchitecture; ++k)
    if (!keys_[k].found && k != kFlags && k != kSlots && k != kSlotIndices &&
        !(has_head() && (k == kIntents || k == kSlotCounts)))
      return damaged("missing or of another type: the key", keys_[k].name);
  const slu_status status_of_inputs = inputs();
  if (status_of_inputs != SLU_OK) return status_of_inputs;
  if (!(string_of(keys_[kTokenizer]) == "ernie-wordpiece") || !keys_[kTokens].found)
    return damaged("tokenizer.ggml.model is not ernie-wordpiece, or tokenizer.ggml.tokens is missing");
  return SLU_OK;
}

slu_status Builder::normalisation() {
  const Key &key = keys_[kNormalisation];
  if (info_.format_version <= kNormalisingVersion &&
      key.found != (info_.format_version == kNormalisingVersion))
    return damaged("the format version does not agree with", key.name);
  info_.normalisation = "";
  if (!key.found) return SLU_OK;
  if (!(string_of(key) == "speech-1")) {
    message_ << "the model normalises text in a way that this library does not know (" << string_of(key)
             << "); a newer one is needed";
    return SLU_ERROR_VERSION;
  }
  info_.normalisation = "speech-1";
  return SLU_OK;
}

slu_status Builder::inputs() {
  const Key &inputs = keys_[kInputs], &flags = keys_[kFlags];
  bool known = inputs.count > 0, has_flags = false, has_ngrams = false;
  Cursor cursor = inputs.strings();
  for (uint64_t i = 0; i < inputs.count; ++i) {
    View input;
    cursor.string(&input);
    bool *has = input == "flags" ? &has_flags : &has_ngrams;
    known &= i ? (input == "flags" || input == "ngrams") && !*has && !has_ngrams : input == "tokens";
    *has = i > 0;
  }
  if (!known) {
    message_ << "the model takes inputs that this library does not know; a newer one is needed";
    return SLU_ERROR_VERSION;
  }
  if (const Key *wrong = ngrams_sizes(keys_[kNgramRows], keys_[kNgramWidth], has_ngrams, &ngrams_))
    return damaged("ernie-slu.inputs does not agree with", wrong->name);
  const uint64_t count = flags.found ? flags.count : 0;
  if (has_flags != (count > 0)) return damaged("ernie-slu.inputs and ernie-slu.flags do not agree");
  Cursor kinds = flags.strings();
  for (uint64_t i = 0; i < count; ++i) {
    View kind;
    kinds.string(&kind);
    uint32_t *uses = kind == "lexicon" ? &info_.uses_lexicon : &info_.uses_previous_intent;
    if (!(kind == "lexicon") && !(kind == "previous_intent")) {
      message_ << "the model takes flags of a kind that this library does not know (" << kind
               << "); a newer one is needed";
      return SLU_ERROR_VERSION;
    }
    // Twice the same, or in another order than their columns.
    if (*uses || info_.uses_previous_intent) return damaged("wrong values in", flags.name);
    *uses = 1;
  }
  return SLU_OK;
}

slu_status Builder::read_sizes() {
  info_.layers = keys_[kBlocks].number<uint32_t>();
  info_.hidden_size = keys_[kHidden].number<uint32_t>();
  info_.intermediate_size = keys_[kFeedForward].number<uint32_t>();
  info_.heads = keys_[kHeads].number<uint32_t>();
  info_.head_size = keys_[kHeadSize].number<uint32_t>();
  info_.max_tokens = keys_[kContext].number<uint32_t>();
  info_.threshold = keys_[kThreshold].number<double>();
  const auto within = [](uint64_t value, uint64_t low, uint64_t high) {
    return value >= low && value <= high;
  };
  if (!within(info_.layers, 1, kMostLayers) || !within(info_.hidden_size, 1, kMostInputs) ||
      !within(info_.intermediate_size, 1, kMostInputs) || !within(info_.heads, 1, kMostInputs) ||
      !within(info_.head_size, 1, kMostInputs) || !within(info_.max_tokens, 3, kMostTokens) ||
      !within(uint64_t{info_.heads} * info_.head_size, 1, kMostInputs))
    return damaged("a size of the network is out of bounds");
  const auto epsilon = keys_[kEpsilon].number<float>();
  // Without it, a row of equal numbers would be divided by 0.
  if (!(epsilon >= 1e-30f && epsilon < 1) || !(info_.threshold >= 0 && info_.threshold <= 1))
    return damaged("layer_norm_epsilon or threshold is not a number between 0 and 1");
  if (!within(keys_[kTokens].count, 1, Vocabulary::kMostPieces))
    return damaged("the vocabulary has no usable size");
  info_.vocab_size = static_cast<uint32_t>(keys_[kTokens].count);
  hidden_padded_ = static_cast<uint32_t>(round_up(info_.hidden_size, kLanes));
  slu_status status = has_spans() ? SLU_OK : names(has_labels() ? kLabels : kIntents, &info_.intent_count);
  if (status == SLU_OK && keys_[kSlots].found) status = names(kSlots, &info_.slot_count);
  if (status != SLU_OK) return status;
  if (info_.uses_lexicon) info_.flag_count = 4 * info_.slot_count;
  if (info_.uses_previous_intent) info_.flag_count += info_.intent_count + 1;
  if (info_.uses_lexicon && !info_.slot_count)
    return damaged("ernie-slu.flags has lexicon, but there are no slots");
  if (!is_name(string_of(keys_[kName]))) return damaged("general.name is not text");
  const View manifest = string_of(keys_[kManifest]);
  info_.manifest = manifest.data;
  info_.manifest_bytes = manifest.bytes;
  info_.model_bytes = bytes_;
  return SLU_OK;
}

slu_status Builder::names(KeyIndex index, uint32_t *count) {
  const Key &key = keys_[index];
  if (key.count < 1 || key.count > kMostNames) return damaged("too few or too many names in", key.name);
  Cursor cursor = key.strings();
  Names names(static_cast<uint32_t>(key.count));
  for (uint64_t i = 0; i < key.count; ++i) {
    View text;
    cursor.string(&text);
    if (!text.bytes || !is_name(text))
      return damaged("a name that is empty, or has a control character or what is not UTF-8, in", key.name);
    if (!names.add(text)) return damaged("a name that is there twice in", key.name);
  }
  *count = static_cast<uint32_t>(key.count);
  return SLU_OK;
}

char *Builder::copy_string(Arena *arena, View text) {
  char *copy = arena->take<char>(text.bytes + 1);
  if (!copy) return nullptr;
  if (text.bytes) copy_bytes(copy, text.data, text.bytes);  // without a name there is no data either
  copy[text.bytes] = 0;
  return copy;
}

const char **Builder::copy_names(Arena *arena, const Key &key, uint32_t count) {
  auto **list = arena->take<const char *>(count);
  Cursor cursor = key.strings();
  for (uint32_t i = 0; i < count; ++i) {
    View text;
    cursor.string(&text);
    const char *copy = copy_string(arena, text);
    if (list) list[i] = copy;
  }
  return list;
}

slu_status Builder::slot_sets(Arena *arena, slu_model *model) {
  const Key &counts = keys_[kSlotCounts], &indices = keys_[kSlotIndices];
  const uint64_t total = indices.found ? indices.count : 0;
  auto *slots = arena->take<uint16_t>(total);
  auto *sets = arena->take<SlotSet>(info_.intent_count);
  auto *set_of_intent = arena->take<uint16_t>(info_.intent_count);
  auto *slots_of_intents = arena->take<SlotSet>(info_.intent_count);
  if (counts.count != info_.intent_count) return damaged("wrong number of values in", counts.name);
  uint64_t used = 0;
  Names seen(slots ? info_.intent_count : 0);
  for (uint32_t i = 0; i < info_.intent_count; ++i) {
    const auto count = counts.number<int32_t>(i);
    if (count < 0 || static_cast<uint64_t>(count) > total - used)
      return damaged("wrong numbers in", counts.name);
    int64_t previous = -1;
    for (int32_t s = 0; s < count; ++s) {
      const auto slot = indices.number<int32_t>(static_cast<size_t>(used) + static_cast<size_t>(s));
      if (slot <= previous || slot >= static_cast<int64_t>(info_.slot_count))
        return damaged("slots that are not in ascending order in", indices.name);
      previous = slot;
      if (slots) slots[used + static_cast<uint32_t>(s)] = static_cast<uint16_t>(slot);
    }
    if (slots && sets && set_of_intent && slots_of_intents) {
      const SlotSet own{slots + used, static_cast<uint32_t>(count)};
      const uint32_t before = seen.count();
      const uint32_t set =
          seen.number(View(reinterpret_cast<const char *>(own.slots), own.count * sizeof(uint16_t)));
      if (set == Names::kRefused)
        return damaged("slots that were made to collide, or no memory for", indices.name);
      if (set == before) sets[set] = own;
      set_of_intent[i] = static_cast<uint16_t>(set);
      slots_of_intents[i] = sets[set];
    }
    used += static_cast<uint64_t>(count);
  }
  info_.slots_of_intents = slots_of_intents;
  model->slot_sets = sets;
  model->set_of_intent = set_of_intent;
  model->slot_set_count = seen.count();
  return SLU_OK;
}

slu_status Builder::build(Arena *arena, slu_model *model) {
  slu_model scratch;
  const bool counting = model == nullptr;
  if (counting) model = &scratch;
  info_.name = copy_string(arena, string_of(keys_[kName]));
  info_.intents = copy_names(arena, keys_[has_labels() ? kLabels : kIntents], info_.intent_count);
  info_.slots = copy_names(arena, keys_[kSlots], info_.slot_count);
  slu_status status = has_spans() ? one_slot_set(info_, arena, model) : SLU_OK;
  if (has_labels()) status = labels_read(keys_[kLabelParents], keys_[kLabelRules], arena, &info_, message_);
  if (!has_head()) status = slot_sets(arena, model);
  model->layers = arena->take<Layer>(info_.layers);
  model->vocabulary.reserve(arena, info_.vocab_size);
  if (status == SLU_OK) status = lexicon_read(gguf_, &info_, arena, &model->lists.phrases, message_);
  if (status != SLU_OK || counting) return status;
  model->info = info_;
  model->ngrams = ngrams_;
  model->epsilon = keys_[kEpsilon].number<float>();
  model->tag_count = has_labels() ? 0 : model->answers_questions() ? 2 : 2 * info_.slot_count + 1;
  model->hidden_padded = hidden_padded_;
  model->normalisation = *info_.normalisation ? Normalisation::kSpeech : Normalisation::kPlain;
  model->flag_words = (info_.flag_count + 63) / 64;
  for (uint32_t i = 0; i < info_.layers; ++i) model->layers[i] = Layer();
  status = weights_read(gguf_, model, message_);
  if (status != SLU_OK) return status;
  if (!model->vocabulary.build(keys_[kTokens].data, info_.vocab_size))
    return damaged("too many tokens of the vocabulary have colliding hashes");
  constexpr const char *kSpecial[] = {"[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]"};
  for (const char *special : kSpecial)
    if (model->vocabulary.find(View(special)) < 0) return damaged("the vocabulary lacks", special);
  return SLU_OK;
}

}  // namespace

slu_status model_create(const uint8_t *data, size_t bytes, slu_model **result, Message &message) {
  Builder builder(data, bytes, message);
  slu_status status = builder.read_header();
  if (status == SLU_OK) status = builder.read_sizes();
  if (status != SLU_OK) return status;
  Arena count(nullptr);
  count.take<slu_model>(1);
  status = builder.build(&count, nullptr);
  if (status != SLU_OK) return status;
  void *memory = allocate(count.used());
  if (!memory) {
    message << "no memory for the tables of the model, " << count.used() << " bytes";
    return SLU_ERROR_MEMORY;
  }
  Arena arena(memory);
  auto *model = new (arena.take<slu_model>(1)) slu_model();
  model->own_bytes = static_cast<size_t>(count.used());
  status = builder.build(&arena, model);
  if (status != SLU_OK) {
    os_free(memory, static_cast<size_t>(count.used()));
    return status;
  }
  *result = model;
  return SLU_OK;
}

void model_destroy(slu_model *model) {
  const Mapping mapping = model->mapping;
  model->lexicon.free();
  model->pins.free();
  os_free(model, model->own_bytes);
  if (mapping.data) os_unmap(mapping);
}

}  // namespace slu
