// slu-cli bench: latency and memory of one thread over the texts of a file.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "cli.h"
#include "errors.h"
#include "json.h"
#include "lines.h"

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string processor() {
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (!file) return "";
  std::string line, found;
  while (found.empty() && read_line(file, &line))
    for (const char *name : {"model name", "Hardware", "CPU part"})
      if (line.compare(0, strlen(name), name) == 0 && line.find(": ") != std::string::npos)
        found = line.substr(line.find(": ") + 2);
  fclose(file);
  return found;
}

void write_times(Json *json, const char *name, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (double time : times) sum += time;
  const auto quantile = [&](double q) {
    return times[std::min(times.size() - 1, static_cast<size_t>(q * static_cast<double>(times.size())))];
  };
  json->key(name).open('{').key("mean").milliseconds(sum / static_cast<double>(times.size()));
  json->key("p50").milliseconds(quantile(0.5)).key("p90").milliseconds(quantile(0.9));
  json->key("p99").milliseconds(quantile(0.99)).close('}');
}

// What tells one answer from another.
struct Answer {
  uint32_t intent, slots;
  float score;
  bool operator!=(const Answer &other) const {
    return intent != other.intent || slots != other.slots || score != other.score;
  }
};

uint64_t clock_nanoseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

// The times of one text, one a pass.
void write_passes(Json *json, const char *name, const std::vector<double> &times, size_t text, size_t texts) {
  json->key(name).open('[');
  for (size_t i = text; i < times.size(); i += texts) json->milliseconds(times[i]);
  json->close(']');
}

}  // namespace

uint64_t proc_bytes(const char *path, const char *name) {
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  uint64_t found = 0;
  std::string line;
  while (!found && read_line(file, &line))
    if (line.compare(0, strlen(name), name) == 0)
      found = strtoull(line.c_str() + strlen(name), nullptr, 10) * 1024;
  fclose(file);
  return found;
}

bool read_texts(const std::string &path, std::vector<std::string> *texts) {
  std::string line;
  FILE *file = open_regular(path, &line);
  if (!file) {
    fail(path + ": " + line);
    return false;
  }
  while (read_line(file, &line)) {
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (first != std::string::npos && second != std::string::npos)
      line = line.substr(first + 1, second - first - 1);
    if (!line.empty()) texts->push_back(line);
  }
  const bool whole = !ferror(file);
  fclose(file);
  if (!whole || texts->empty()) fail(path + (whole ? ": no text in it" : ": cannot be read"));
  return whole && !texts->empty();
}

int bench(const Options &options) {
  std::vector<std::string> texts;
  if (!read_texts(options.file, &texts)) return 2;
  std::vector<double> whole, model_only, tokenize_only, flags_too;
  for (auto *times : {&whole, &model_only, &tokenize_only, &flags_too})
    times->assign(texts.size() * static_cast<size_t>(options.repeat), 0);

  std::vector<Json> answers(options.lines ? texts.size() : 0);
  std::vector<Answer> first(texts.size());

  const uint64_t started = clock_nanoseconds();
  const uint64_t memory_before = proc_bytes("/proc/self/status", "VmRSS:");
  const auto open_start = Clock::now();
  Session session;
  if (!session.open(options)) return 2;
  const double load = milliseconds_since(open_start);
  const uint64_t opened = clock_nanoseconds();
  double first_parse = 0;

  const slu_info &about = *slu_model_info(session.model);
  std::vector<float> flags(size_t{about.flag_count} * about.max_tokens);
  uint64_t tokens = 0;
  size_t measured = 0;
  for (int pass = -1; pass < options.repeat; ++pass) {  // the first pass warms up
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string &text = texts[i];
      const slu_result *result;
      const auto start = Clock::now();
      const slu_status status = slu_parse(session.context, text.data(), text.size(), &result);
      const double time = milliseconds_since(start);
      if (status != SLU_OK)
        return fail(options.file + ": text " + std::to_string(i + 1) + ": " +
                    slu_context_message(session.context));
      const Answer answer = {result->intent_index, result->slot_count, result->score};
      if (pass < 0) {
        if (i == 0) first_parse = time;
        first[i] = answer;
        if (options.lines) add_result(&answers[i].open('{'), text, *result);
        continue;
      }
      if (answer != first[i])
        return fail(options.file + ": text " + std::to_string(i + 1) +
                    ": another answer than the first time");
      whole[measured] = time;
      tokens += result->token_count;
      if (options.parse_only) {
        ++measured;
        continue;
      }
      const slu_tokens *encoded;
      const auto tokenize_start = Clock::now();
      slu_tokenize(session.context, text.data(), text.size(), &encoded);
      tokenize_only[measured] = milliseconds_since(tokenize_start);
      if (about.flag_count) {
        const auto flags_start = Clock::now();
        slu_flags(session.context, text.data(), text.size(), flags.data(), flags.size());
        flags_too[measured] = milliseconds_since(flags_start);
      }
      const slu_input input = {sizeof(slu_input), encoded->count, encoded->ids,
                               about.flag_count ? flags.data() : nullptr};
      const slu_logits *logits;
      const auto run_start = Clock::now();
      slu_run(session.context, &input, &logits);
      model_only[measured++] = milliseconds_since(run_start);
    }
  }
  const uint64_t peak = proc_bytes("/proc/self/status", "VmHWM:");
  double total = 0;
  for (double time : whole) total += time;
  for (size_t i = 0; i < answers.size(); ++i) {
    write_passes(&answers[i], "end_to_end_ms", whole, i, texts.size());
    if (!options.parse_only) write_passes(&answers[i], "model_ms", model_only, i, texts.size());
    puts(answers[i].close('}').text().c_str());
  }

  Json json;
  json.open('{').key("model").string(options.model).key("name").string(about.name);
  json.key("processor").string(processor());
  json.key("kernel").string(options.kernel ? options.kernel : about.kernel).key("threads").number(1);
  json.key("utterances").number(texts.size()).key("repeats").number(static_cast<uint64_t>(options.repeat));
  json.key("tokens").number(tokens);
  write_times(&json, "end_to_end_ms", whole);
  if (!options.parse_only) {
    write_times(&json, "model_ms", model_only);
    write_times(&json, "tokenize_ms", tokenize_only);
    if (about.flag_count) write_times(&json, "tokens_and_flags_ms", flags_too);
  }
  json.key("tokens_per_second").number(static_cast<uint64_t>(static_cast<double>(tokens) / total * 1000));
  json.key("started_ns").number(started).key("opened_ns").number(opened);
  json.key("first_parse_ms").milliseconds(first_parse);
  json.key("load_ms").milliseconds(load).key("size_bytes").number(about.model_bytes);
  json.key("context_bytes").number(about.context_bytes);
  json.key("rss_growth_bytes").number(peak > memory_before ? peak - memory_before : 0);
  json.key("peak_rss_bytes").number(peak);
  json.key("pss_bytes").number(proc_bytes("/proc/self/smaps_rollup", "Pss:")).close('}');
  puts(json.text().c_str());
  return 0;
}
