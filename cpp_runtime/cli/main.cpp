// slu-cli: the engine as a program, the same on a workstation and on a phone.
#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli.h"
#include "errors.h"
#include "json.h"
#include "lines.h"

namespace {

constexpr const char *kUsage =
    "usage: slu-cli parse MODEL [--session]       lines in, a line of JSON each out\n"
    "       slu-cli bench MODEL FILE [--repeat N] JSON: latency, memory; FILE has a text a line\n"
    "       slu-cli info  MODEL                   JSON: what the model says about itself\n"
    "       slu-cli memory MODEL FILE             JSON: Pss when opened, after the texts of FILE, and the "
    "most between\n"
    "       slu-cli sustain MODEL FILE [--seconds N] JSON: latency second by second, on and on\n"
    "       slu-cli evict FILE...                 JSON: drops files from the page cache, for a cold start\n"
    "       slu-cli resident FILE...              JSON: how much of files is in the page cache\n"
    "  --lexicon SLOT=FILE  add the phrases of a file, one a line, to those of a slot; may be repeated\n"
    "  --pin INTENT=TEXT    answer TEXT with INTENT, and with the slots that it has in tags; may be "
    "repeated\n"
    "  --pins FILE          the same for every line of a file: an intent, a tab and a text\n"
    "  --session            lines are the turns of a dialogue, an empty line begins a new one\n"
    "  --kernel NAME        instead of the fastest one of this processor\n"
    "  --lines              bench: first a line of JSON a text, with its answer and the time of every pass\n";

void write_result(const std::string &text, const slu_result &result) {
  Json json;
  json.open('{');
  add_result(&json, text, result);
  json.close('}');
  puts(json.text().c_str());
}

}  // namespace

void add_result(Json *out, const std::string &text, const slu_result &result) {
  Json &json = *out;
  json.key("text").string(text);
  if (result.labels) {
    json.key("labels").open('[');
    for (uint32_t i = 0; i < result.label_count; ++i) {
      const slu_label &label = result.labels[i];
      json.open('{')
          .key("name")
          .string(label.name)
          .key("score")
          .rounded(static_cast<double>(label.score))
          .close('}');
    }
    json.close(']');
  } else if (*result.intent) {
    json.key("intent").string(result.intent);
  }
  json.key("score").rounded(static_cast<double>(result.score)).key("understood").boolean(result.understood);
  if (!result.labels) {
    json.key("slots").open('[');
    for (uint32_t i = 0; i < result.slot_count; ++i) {
      const slu_slot &slot = result.slots[i];
      json.open('{').key("name").string(slot.name);
      json.key("value").string(text.data() + slot.byte_start, slot.byte_end - slot.byte_start);
      json.key("start").number(slot.start).key("end").number(slot.end).close('}');
    }
    json.close(']');
  }
  if (result.truncated) json.key("truncated").boolean(true);
  if (result.pinned) json.key("pinned").boolean(true);
}

bool Session::open(const Options &options) {
  slu_error error;
  bool good = slu_model_open(options.model.c_str(), &model, &error) == SLU_OK &&
              slu_context_create(model, options.kernel, &context, &error) == SLU_OK;
  for (size_t i = 0; good && i < options.lists.size(); ++i) {
    const std::string &list = options.lists[i];
    const size_t equals = list.find('=');
    if (equals == std::string::npos) {
      fail("--lexicon " + list + ": write SLOT=FILE");
      return false;
    }
    good = slu_model_change_lexicon_file(model, SLU_LEXICON_ADD, list.substr(0, equals).c_str(),
                                         list.substr(equals + 1).c_str(), &error) == SLU_OK;
  }
  for (size_t i = 0; good && i < options.pin_files.size(); ++i)
    good = slu_model_change_pins_file(model, SLU_LEXICON_ADD, options.pin_files[i].c_str(), &error) == SLU_OK;
  for (size_t i = 0; good && i < options.pins.size(); ++i) {
    std::string line = options.pins[i];
    const size_t equals = line.find('=');
    if (equals == std::string::npos) {
      fail("--pin " + line + ": write INTENT=TEXT");
      return false;
    }
    line[equals] = '\t';
    good = slu_model_change_pins(model, SLU_LEXICON_ADD, line.data(), line.size(), &error) == SLU_OK;
  }
  if (!good) fail(error.message);
  return good;
}

int parse_lines(const Options &options) {
  Session session;
  if (!session.open(options)) return 2;
  std::string line;
  const auto new_dialogue = [&] {
    return slu_set_previous_intent(session.context, SLU_TURN_FIRST) == SLU_OK;
  };
  if (options.session && !new_dialogue())
    return fail("--session: " + std::string(slu_context_message(session.context)));
  for (size_t number = 1; read_line(stdin, &line); ++number) {
    if (options.session && line.empty()) {
      new_dialogue();
      continue;
    }
    const slu_result *result;
    if (slu_parse(session.context, line.data(), line.size(), &result) != SLU_OK)
      return fail("line " + std::to_string(number) + ": " + slu_context_message(session.context));
    write_result(line, *result);
    if (fflush(stdout) != 0) return 2;  // main says why
    if (options.session) slu_set_previous_intent(session.context, static_cast<int32_t>(result->intent_index));
  }
  if (ferror(stdin)) return fail(std::string("standard input: ") + strerror(errno));
  return 0;
}

int info(const Options &options) {
  Session session;
  if (!session.open(options)) return 2;
  const slu_info &about = *slu_model_info(session.model);
  Json json;
  json.open('{').key("name").string(about.name).key("library").string(slu_version());
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {{"format_version", about.format_version}, {"layers", about.layers},
                 {"hidden_size", about.hidden_size},       {"heads", about.heads},
                 {"head_size", about.head_size},           {"intermediate_size", about.intermediate_size},
                 {"vocab_size", about.vocab_size},         {"max_tokens", about.max_tokens},
                 {"model_bytes", about.model_bytes},       {"context_bytes", about.context_bytes},
                 {"flag_count", about.flag_count},         {"lexicon_entries", about.lexicon_entries}};
  for (const auto &number : numbers) json.key(number.name).number(number.value);
  json.key("quantised").boolean(about.quantised).key("threshold").rounded(about.threshold);
  json.key("uses_lexicon").boolean(about.uses_lexicon);
  json.key("uses_previous_intent").boolean(about.uses_previous_intent);
  json.key("head").string(about.head);
  if (about.intent_count) {
    json.key(about.label_parents ? "labels" : "intents").open('[');
    for (uint32_t i = 0; i < about.intent_count; ++i) json.string(about.intents[i]);
    json.close(']');
  }
  json.key("slots").open('[');
  for (uint32_t i = 0; i < about.slot_count; ++i) json.string(about.slots[i]);
  json.close(']').key("kernels").open('[');
  const char *name;
  for (uint32_t i = 0; (name = slu_kernel_name(i)) != nullptr; ++i) json.string(name);
  json.close(']').close('}');
  puts(json.text().c_str());
  return 0;
}

static int run(int count, char **arguments) {
  const std::string command = count > 1 ? arguments[1] : "";
  if (command == "--help" || command == "-h") {
    fputs(kUsage, stdout);
    return 0;
  }
  if (command == "--version") {
    puts(slu_version());
    return 0;
  }
  Options options;
  std::vector<std::string> words;
  for (int i = 2; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (!strcmp(arguments[i], "--kernel") && has_value)
      options.kernel = arguments[++i];
    else if (!strcmp(arguments[i], "--repeat") && has_value)
      options.repeat = atoi(arguments[++i]);
    else if (!strcmp(arguments[i], "--lexicon") && has_value)
      options.lists.emplace_back(arguments[++i]);
    else if (!strcmp(arguments[i], "--pin") && has_value)
      options.pins.emplace_back(arguments[++i]);
    else if (!strcmp(arguments[i], "--pins") && has_value)
      options.pin_files.emplace_back(arguments[++i]);
    else if (!strcmp(arguments[i], "--session"))
      options.session = true;
    else if (!strcmp(arguments[i], "--parse-only"))
      options.parse_only = true;
    else if (!strcmp(arguments[i], "--lines"))
      options.lines = true;
    else if (!strcmp(arguments[i], "--seconds") && has_value)
      options.seconds = atoi(arguments[++i]);
    else
      words.emplace_back(arguments[i]);
  }
  if (options.repeat < 1) return fail("--repeat must be at least 1");
  if ((command == "evict" || command == "resident") && !words.empty())
    return evict(words, command == "evict");
  const size_t wanted = command == "bench" || command == "memory" || command == "sustain" ? 2 : 1;
  if (words.size() == wanted) {
    options.model = words[0];
    if (wanted == 2) options.file = words[1];
    if (command == "parse") return parse_lines(options);
    if (command == "bench") return bench(options);
    if (command == "memory") return memory(options);
    if (command == "sustain") return sustain(options);
    if (command == "info") return info(options);
  }
  fputs(kUsage, stderr);
  return 2;
}

// Of standard input, output and errors those that are closed: a file must not get their numbers. What stands there
// cannot be read, or written to, as before.
static void fill_descriptors() {
  for (int i = 0; i < 3; ++i)
    if (fcntl(i, F_GETFD) < 0 && open("/dev/null", i == 0 ? O_WRONLY : O_RDONLY) < 0) return;
}

int main(int count, char **arguments) {
  fill_descriptors();
  const int code = run(count, arguments);
  // What could not be written is lost, whatever the command made of it.
  if (fflush(stdout) != 0 || ferror(stdout)) return fail(std::string("standard output: ") + strerror(errno));
  return code;
}
