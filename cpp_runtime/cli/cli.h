// The commands of slu-cli.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "slu/slu.h"

struct Options {
  std::string model;
  std::string file;                // bench: utterances
  std::vector<std::string> lists;  // SLOT=FILE
  std::vector<std::string> pins;   // INTENT=TEXT
  std::vector<std::string> pin_files;
  bool session = false;  // parse: lines are the turns of a dialogue
  const char *kernel = nullptr;
  int repeat = 5;           // bench: passes over the file
  bool parse_only = false;  // bench: no separate passes for the parts
  bool lines = false;       // bench: a line of JSON a text before the summary
  int seconds = 60;         // sustain: how long
};

// A model and a context of it, freed at the end. Throws nothing.
struct Session {
  slu_model *model = nullptr;
  slu_context *context = nullptr;

  Session() = default;
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;
  ~Session() {
    slu_context_free(context);
    slu_model_close(model);
  }
  // Opens the model; prints the reason when that fails.
  bool open(const Options &options);
};

int parse_lines(const Options &options);
int bench(const Options &options);
int info(const Options &options);
int memory(const Options &options);
int sustain(const Options &options);
// How many pages of the files are in the page cache, after dropping them or as they are.
int evict(const std::vector<std::string> &files, bool drop);

class Json;
// The fields of an answer, into an object that is open.
void add_result(Json *json, const std::string &text, const slu_result &result);
// A text a line; of corpus lines (session, text, intent, tagged text between tabs) the text. Prints the reason and
// returns false when there is none, or the file is none that can be read at once, such as a pipe.
bool read_texts(const std::string &path, std::vector<std::string> *texts);
// A value in kB out of a file of /proc such as "VmHWM:  1234 kB", in bytes; 0 where there is none.
uint64_t proc_bytes(const char *path, const char *name);
