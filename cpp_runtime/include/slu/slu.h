/* slu: text in, intent and slots (or labels) out, on the device. The whole public interface of the native engine, plain
 * C.
 *
 *     slu_model *model;
 *     slu_context *context;
 *     const slu_result *result;
 *     if (slu_model_open("model.gguf", &model, NULL) == SLU_OK &&
 *         slu_context_create(model, NULL, &context, NULL) == SLU_OK &&
 *         slu_parse(context, text, strlen(text), &result) == SLU_OK)
 *       printf("%s %f\n", result->intent, result->score);
 *
 * Any number of threads may use a model, each with a context of its own. One context serves one thread at a
 * time. After slu_context_create nothing is allocated, except for lexicons that the program gives. Every
 * function that can fail returns a status; nothing is printed, nothing exits, there is no global state.
 *
 * Strings handed out end in NUL, are UTF-8, and live as long as the model. Structs handed out belong to the
 * library, which may append fields to them in later versions: do not copy them by a size of your own. Structs
 * handed in begin with their size in bytes, so that they can grow as well. */
#ifndef SLU_SLU_H
#define SLU_SLU_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define SLU_API
#else
#define SLU_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SLU_VERSION "1.4.0"

typedef enum slu_status {
  SLU_OK = 0,
  SLU_ERROR_ARGUMENT = 1, /* NULL, misaligned memory, a text of 4 GiB, a token id outside the vocabulary, an
                             unknown slot, an entry that is too long */
  SLU_ERROR_FILE = 2,     /* the file cannot be opened or mapped */
  SLU_ERROR_FORMAT = 3,   /* not the GGUF file of such a model, truncated, or damaged */
  SLU_ERROR_VERSION = 4,  /* a model of a format version that this library does not read */
  SLU_ERROR_MEMORY = 5,   /* the system has no memory left */
  SLU_ERROR_INVALID_UTF8 = 6,    /* a text or lexicon is not UTF-8; the message names the byte or line */
  SLU_ERROR_KERNEL = 7,          /* no kernel of that name, or this processor cannot run it */
  SLU_STATUS_IS_INT = 0x7fffffff /* never returned: later versions may have more of them */
} slu_status;

typedef struct slu_model slu_model;     /* an opened model file, read-only */
typedef struct slu_context slu_context; /* working memory of one thread */

/* Details of a failure, in one line: what, where, what to do. Filled on failure. */
typedef struct slu_error {
  char message[256];
} slu_error;

/* Slots that an intent can have. */
typedef struct slu_slot_set {
  const uint16_t *slots; /* [count] indices into slu_info.slots, ascending */
  uint32_t count;
} slu_slot_set;

/* Bits of slu_info.label_rules: what may be directly below a label in the tree, or below the text. */
#define SLU_LABELS_OPTIONAL 1 /* no label at all */
#define SLU_LABELS_SEVERAL 2  /* more than one */

/* What a model says about itself. */
typedef struct slu_info {
  const char *name;        /* as the exporter was told; may be "" */
  uint32_t format_version; /* of the file */
  uint32_t layers;         /* encoder layers */
  uint32_t hidden_size;
  uint32_t heads; /* attention heads that pruning has kept */
  uint32_t head_size;
  uint32_t intermediate_size; /* neurons of the feed-forward part that pruning has kept */
  uint32_t vocab_size;
  /* Tokens that a text may have, [CLS] and [SEP] counted. The rest of a longer text is ignored, but a model of
   * "answer" reads a longer passage in several windows. */
  uint32_t max_tokens;
  uint32_t intent_count;
  /* Slot names. A token has 2 * slot_count + 1 tags: O, B-a, I-a, B-b and so on; of a model of "answer" it has two
   * logits, to begin the answer and to end it. */
  uint32_t slot_count;
  uint32_t quantised;         /* 1: the encoder's matrix products are INT8, 0: float */
  const char *const *intents; /* [intent_count], in the order of the logits */
  const char *const *slots;   /* [slot_count] */
  double threshold;           /* a result with at least this score is understood */
  uint64_t model_bytes;       /* size of the file */
  uint64_t context_bytes;     /* memory of one context */
  const char *kernel;         /* fastest kernel of this processor; the default of slu_context_create */
  const char *manifest;       /* JSON: what made the model. NOT ended by NUL, may be NULL */
  uint64_t manifest_bytes;
  uint32_t flag_count;           /* of a token: columns of the second input. 0: the model has none */
  uint32_t uses_lexicon;         /* 1: the model looks for entries of lexicons in the text */
  uint32_t lexicon_entries;      /* entries of the lexicons in the file */
  uint32_t uses_previous_intent; /* 1: the model uses the previous intent */
  /* Since version 1.2 of the library: */
  const slu_slot_set *slots_of_intents; /* [intent_count] */
  const char *normalisation; /* what is done to a text before its tokens: "speech-1", or "" for nothing */
  /* Since version 1.3: */
  const char *head; /* what the model answers: "joint", intent and slots; "sequence", one label of the text;
                       "labels", any number of them, perhaps in a tree; "tokens", spans alone, which are the slots;
                       "answer", the part of a passage that answers a question, which is the only slot, or none: the
                       text is the question, a tab and the passage, of any length. Of "sequence" and "labels",
                       `intents` and intent_count are the labels, and there are no slots; of "tokens" and "answer",
                       intent_count is 0. */
  /* [intent_count]: the index of the label above each one in the tree, always smaller than its own; -1 for none.
   * NULL for a model without labels. */
  const int32_t *label_parents;
  /* [intent_count + 1], of the text, then of every label: the bits of what may be directly below it. NULL for a
   * model without labels. */
  const uint8_t *label_rules;
  uint32_t pairs; /* 1: the model reads pairs of texts: the first tab of a text separates them */
} slu_info;

/* One slot: text[byte_start, byte_end) is its value. */
typedef struct slu_slot {
  const char *name;
  uint32_t index; /* into slu_info.slots */
  uint32_t start; /* Unicode code points, [start, end) */
  uint32_t end;
  uint32_t byte_start; /* bytes of the UTF-8 text, [byte_start, byte_end) */
  uint32_t byte_end;
} slu_slot;

/* One label of a text, since version 1.3. */
typedef struct slu_label {
  const char *name;
  uint32_t index; /* into slu_info.intents */
  float score;    /* probability that the text has it, 0..1 */
} slu_label;

typedef struct slu_result {
  const char *intent;
  uint32_t intent_index; /* into slu_info.intents */
  float score;           /* probability of the answer among all consistent answers, 0..1 */
  uint32_t understood;   /* 1 when score >= slu_info.threshold */
  uint32_t truncated; /* 1 when a text, of "answer" the question, had too many tokens; the rest was ignored */
  uint32_t token_count; /* computed, [CLS] and [SEP] counted; of a long passage those of all its windows */
  uint32_t slot_count;
  const slu_slot *slots; /* [slot_count], in the order of the text */
  uint32_t
      pinned; /* 1: slu_model_change_pins or slu_context_change_pins said so, nothing was computed; since 1.2 */
  /* Since version 1.3: of models without intents, `intent` is "". Of models of labels, `score` is that of all labels
   * together. */
  uint32_t label_count;
  const slu_label *labels; /* [label_count], ascending by index */
} slu_result;

/* Token i stands for code points [starts[i], ends[i]) of the text; both are 0 for [CLS] and [SEP]. Of "answer", the
 * tokens of the first window. */
typedef struct slu_tokens {
  uint32_t count;
  uint32_t truncated;
  const int32_t *ids;
  const uint32_t *starts;
  const uint32_t *ends;
} slu_tokens;

/* Input of the network. `flags` is the second input of models that have one (flag_count above 0), see
 * slu_flags: every value is 0 or 1, NULL stands for zeros. For other models it must be NULL. */
typedef struct slu_input {
  uint32_t size;      /* sizeof(slu_input) */
  uint32_t count;     /* 1..max_tokens */
  const int32_t *ids; /* [count], [CLS] and [SEP] included */
  const float *flags; /* [count][flag_count] */
} slu_input;

/* Output of the network, before decoding: row i of slots is slots + i * tag_count, for every token of the
 * input. */
typedef struct slu_logits {
  uint32_t intent_count;
  uint32_t tag_count; /* 0 for models without slots */
  uint32_t token_count;
  const float *intents; /* [intent_count]: of the intents, or of the labels */
  const float *slots;   /* [token_count][tag_count] */
} slu_logits;

/* SLU_VERSION of the library. */
SLU_API const char *slu_version(void);

/* A status in words. Never NULL. */
SLU_API const char *slu_status_text(slu_status status);

/* Name of a kernel that this processor can run: index 0 is the fastest, the last one is "plain", NULL follows. */
SLU_API const char *slu_kernel_name(uint32_t index);

/* Open a model file. It is mapped into memory, not copied, and must not change while it is open.
 * Everything in it is checked first: a damaged or hostile file gives a status. `error` may be NULL
 * everywhere. */
SLU_API slu_status slu_model_open(const char *path, slu_model **model, slu_error *error);

/* The same for a model in memory, such as an Android asset. `data` is aligned to 4 bytes, is used in place,
 * and must stay until slu_model_close. */
SLU_API slu_status slu_model_open_memory(const void *data, size_t bytes, slu_model **model, slu_error *error);

/* Free the model. All of its contexts must have been freed. NULL is allowed. */
SLU_API void slu_model_close(slu_model *model);

/* What the model says about itself; lives as long as the model. NULL for NULL. */
SLU_API const slu_info *slu_model_info(const slu_model *model);

/* Make the working memory of one thread. `kernel`: a name from slu_kernel_name, or NULL for the fastest.
 * All kernels give the same results, bit for bit. */
SLU_API slu_status slu_context_create(const slu_model *model, const char *kernel, slu_context **context,
                                      slu_error *error);

/* Free a context, with the results that it handed out. NULL is allowed. */
SLU_API void slu_context_free(slu_context *context);

/* Details of the last failure in this context: one line, "" after a success. */
SLU_API const char *slu_context_message(const slu_context *context);

/* Understand one utterance. `text` is UTF-8, NUL bytes are allowed in it; an empty text is a text.
 * The result belongs to the context and lives until its next slu_parse. */
SLU_API slu_status slu_parse(slu_context *context, const char *text, size_t text_bytes,
                             const slu_result **result);

/* Understand `count` utterances, one after the other: texts[i] in contexts[i], as by slu_parse, with the result in
 * results[i]. For callers to whom a call is dear, such as Python, which waits for its lock after each. A text that
 * fails has NULL as its result and its message in its context, and those after it are understood all the same; the
 * status is that of the first one that failed. The contexts should differ: one that is given twice only has its last
 * result. Since version 1.4. */
SLU_API slu_status slu_parse_each(slu_context *const *contexts, const char *const *texts,
                                  const size_t *text_bytes, uint32_t count, const slu_result **results);

/* Lexicons: the names that a slot can have on this device, such as the contacts of a phone. A model with
 * uses_lexicon looks for these entries in the text, and takes a match for a hint, not for a fact.
 * Entries are given as UTF-8 text, one a line; white space around an entry, empty lines and lines that begin
 * with # are ignored. Letter case, accents and white space inside an entry are ignored, as in the text. An
 * entry has at most 62 characters after that. Only its 64-bit hash is kept: about 14 bytes of memory.
 *
 * There are three levels: the lexicons in the model file, the changes of the model, the changes of a context.
 * For each slot and entry the last level that says something about it decides; within a level, the last call. */
typedef enum slu_lexicon_change {
  SLU_LEXICON_ADD = 0,     /* add these entries to the slot */
  SLU_LEXICON_REMOVE = 1,  /* remove them, even if a lower level has them */
  SLU_LEXICON_REPLACE = 2, /* the slot has these entries only, none of a lower level */
  SLU_LEXICON_RESET = 3,   /* undo this level's changes of the slot, or of all with `slot` NULL; no entries */
  SLU_LEXICON_CHANGE_IS_INT = 0x7fffffff
} slu_lexicon_change;

/* Change the lexicons for all contexts of a model, from any thread, while others parse: each slu_parse sees
 * either all of a change or none of it. Batch your changes: each call copies the earlier changes of the model.
 * After an error nothing has changed; the message names the line with the error. */
SLU_API slu_status slu_model_change_lexicon(slu_model *model, slu_lexicon_change change, const char *slot,
                                            const char *entries, size_t bytes, slu_error *error);
/* The same with the entries in a file, which must not change during the call. */
SLU_API slu_status slu_model_change_lexicon_file(slu_model *model, slu_lexicon_change change,
                                                 const char *slot, const char *path, slu_error *error);
/* The same for one context, called by the thread that uses it. */
SLU_API slu_status slu_context_change_lexicon(slu_context *context, slu_lexicon_change change,
                                              const char *slot, const char *entries, size_t bytes,
                                              slu_error *error);
SLU_API slu_status slu_context_change_lexicon_file(slu_context *context, slu_lexicon_change change,
                                                   const char *slot, const char *path, slu_error *error);

/* Pinned phrases, of models of intents and slots: texts whose answer the program gives. The whole text is compared
 * as a phrase of a lexicon is. The network is not asked: `score` is 1, `understood` and `pinned` are 1, `token_count`
 * is 0. What is said for a context counts before what is said for the model, and the later call before the earlier
 * one. While none is pinned, they cost nothing.
 *
 * `lines` is UTF-8 text, a pinned text a line: an intent, a tab, and the text with its slots, at most 16, in tags:
 *     navigation.navigation<TAB>take me to <destination>the office</destination>
 * White space around a line, empty lines and lines that begin with # do not count. To remove a text, it alone is
 * enough; a removed text is computed, whatever is said for the model. SLU_LEXICON_REPLACE: these texts and no others,
 * also none that is pinned for the model. SLU_LEXICON_RESET: forget what was said here; no lines. Of a text only a
 * hash of 64 bits is kept. Threads, errors and copying are as with lexicons. */
SLU_API slu_status slu_model_change_pins(slu_model *model, slu_lexicon_change change, const char *lines,
                                         size_t bytes, slu_error *error);
SLU_API slu_status slu_model_change_pins_file(slu_model *model, slu_lexicon_change change, const char *path,
                                              slu_error *error);
SLU_API slu_status slu_context_change_pins(slu_context *context, slu_lexicon_change change, const char *lines,
                                           size_t bytes, slu_error *error);
SLU_API slu_status slu_context_change_pins_file(slu_context *context, slu_lexicon_change change,
                                                const char *path, slu_error *error);

/* Set the previous intent for the following calls of slu_parse, until it is set again: an index into
 * slu_info.intents, such as slu_result.intent_index, or one of these values. For models with
 * uses_previous_intent. */
#define SLU_TURN_FIRST (-1)   /* the next text is the first one of a dialogue */
#define SLU_TURN_UNKNOWN (-2) /* the previous intent is not known: the state of a new context */
SLU_API slu_status slu_set_previous_intent(slu_context *context, int32_t intent);

/* The parts of slu_parse, for tests, measurements and other decoders. Their results belong to the context
 * and live until the next call of slu_parse or of the same function. */
SLU_API slu_status slu_tokenize(slu_context *context, const char *text, size_t text_bytes,
                                const slu_tokens **tokens);
SLU_API slu_status slu_run(slu_context *context, const slu_input *input, const slu_logits **logits);
/* The second input of a text: `flags` [tokens][flag_count], with the tokens of slu_tokenize, is filled with 0
 * and 1. `capacity`: floats that it holds; max_tokens * flag_count are always enough. */
SLU_API slu_status slu_flags(slu_context *context, const char *text, size_t text_bytes, float *flags,
                             size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
