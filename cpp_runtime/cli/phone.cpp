// What a benchmark of phones asks besides latency: memory over time, latency over minutes, a cold page cache.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "cli.h"
#include "errors.h"
#include "json.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char *kRollup = "/proc/self/smaps_rollup";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Pages of a mapped file that are in memory; all of them where the system does not tell.
size_t resident_pages(void *mapped, size_t bytes, size_t pages) {
#ifdef __APPLE__
  using Residence = char;
#else
  using Residence = unsigned char;
#endif
  std::vector<Residence> resident(pages);
  if (mincore(mapped, bytes, resident.data()) != 0) return pages;
  return static_cast<size_t>(
      std::count_if(resident.begin(), resident.end(), [](Residence page) { return page & 1; }));
}

}  // namespace

int memory(const Options &options) {
  std::vector<std::string> texts;
  if (!read_texts(options.file, &texts)) return 2;
  const uint64_t before = proc_bytes(kRollup, "Pss:");
  Session session;
  if (!session.open(options)) return 2;
  const uint64_t opened = proc_bytes(kRollup, "Pss:");
  uint64_t peak = opened, warm = opened;
  for (const std::string &text : texts) {
    const slu_result *result;
    if (slu_parse(session.context, text.data(), text.size(), &result) != SLU_OK)
      return fail(options.file + ": " + slu_context_message(session.context));
    warm = proc_bytes(kRollup, "Pss:");
    peak = std::max(peak, warm);
  }
  Json json;
  json.open('{').key("pss_before_bytes").number(before).key("pss_opened_bytes").number(opened);
  json.key("pss_bytes").number(warm).key("pss_peak_bytes").number(peak);
  json.key("rss_peak_bytes").number(proc_bytes("/proc/self/status", "VmHWM:")).close('}');
  puts(json.text().c_str());
  return 0;
}

int sustain(const Options &options) {
  std::vector<std::string> texts;
  if (options.seconds < 1) return fail("--seconds must be at least 1");
  if (!read_texts(options.file, &texts)) return 2;
  Session session;
  if (!session.open(options)) return 2;
  Json json;
  uint64_t utterances = 0;
  json.open('{').key("seconds").open('[');
  const auto start = Clock::now();
  size_t next = 0;
  for (int second = 1; second <= options.seconds; ++second) {
    std::vector<double> times;
    while (times.empty() || seconds_since(start) < second) {
      const std::string &text = texts[next++ % texts.size()];
      const slu_result *result;
      const auto begin = Clock::now();
      if (slu_parse(session.context, text.data(), text.size(), &result) != SLU_OK)
        return fail(options.file + ": " + slu_context_message(session.context));
      times.push_back(seconds_since(begin) * 1000);
    }
    utterances += times.size();
    double sum = 0;
    for (double time : times) sum += time;
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    json.open('{').key("utterances").number(times.size());
    json.key("mean").milliseconds(sum / static_cast<double>(times.size()));
    json.key("p50").milliseconds(*middle).close('}');
  }
  json.close(']').key("utterances").number(utterances).close('}');
  puts(json.text().c_str());
  return 0;
}

int evict(const std::vector<std::string> &files, bool drop) {
  Json json;
  json.open('[');
  for (const std::string &name : files) {
    const int file = open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // at a pipe, it would wait
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
      if (file >= 0) close(file);
      return fail(name + (file >= 0 ? ": is no regular file" : ": cannot be opened"));
    }
    const auto bytes = static_cast<size_t>(about.st_size);
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t pages = (bytes + page - 1) / page;
    size_t resident = 0;
#ifndef __APPLE__
    if (drop) {
      fsync(file);  // pages that are not written yet stay
      posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    }
#endif
    if (bytes) {
      void *mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
      resident = pages;
      if (mapped != MAP_FAILED) {
        resident = resident_pages(mapped, bytes, pages);
        munmap(mapped, bytes);
      }
    }
    close(file);
    json.open('{').key("file").string(name).key("pages").number(pages);
    json.key("resident").number(resident).close('}');
  }
  puts(json.close(']').text().c_str());
  return 0;
}
