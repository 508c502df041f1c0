// A task file: where records come from, how they are cleaned and split, how a record becomes a conversation, and how an
// answer is read and scored. Tasks are data; only a new metric is code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/data/records/characters.h"
#include "core/io/json.h"

namespace peftlab::data {

using io::Json;

enum class SourceKind { csv, json, jsonl };

/// Exactly one of `file` and `dataset` is set.
struct Source {
  SourceKind kind = SourceKind::csv;
  std::filesystem::path file;  // absolute, or relative to the working folder; what the task file says is relative to the task file
  std::string dataset;         // a name of experiments/datasets.json
  std::string records;         // json: pointer to the list inside the document, "" for the document itself
  std::vector<std::pair<std::string, std::string>> columns;  // field, column or key; empty: all under their own names
  char delimiter = ',';
  bool find_header = false;  // csv: rows before the one that names all columns are descriptions
  int64_t skip_rows = 0;     // csv: description rows behind the header
};

/// Applied to every text field of a record, in the order of the members.
struct Cleaning {
  std::string normalize;  // "", "nfc" or "nfkc"
  std::vector<std::pair<std::string, std::string>> replace;
  CharacterSet remove;
  bool strip = true;
  CharacterSet drop_records_with;
  std::vector<std::string> may_be_empty;  // any other empty field drops its record
};

/// A field made from others.
struct Derived {
  std::string field;
  std::string text;           // a template: "{city}{town}{road}"
  std::string remove_prefix;  // templates; "" for none
  std::string remove_suffix;
  std::string after_last;  // keeps what stands behind the last of this
  bool strip = false;
  bool keep_otherwise = false;  // where prefix, suffix or mark is absent: keep the text as it is, or drop the record
};

/// A record stays if its field meets every condition given.
struct Filter {
  std::string field;
  std::vector<std::string> one_of, none_of, starts_with, ends_with, contains, lacks;
  int64_t min_characters = 0;
  std::optional<int64_t> max_characters;
};

/// Sizes of train, dev and test, either as numbers or as shares of what is left after cleaning.
struct Split {
  uint64_t seed = 0;
  std::vector<std::pair<std::string, int64_t>> sizes;
  std::vector<std::pair<std::string, double>> ratios;
};

/// A message of a template: text, or a JSON value whose strings are templates and which is written as Python's
/// json.dumps(ensure_ascii=False) writes it.
struct MessageTemplate {
  std::string role;
  Json content;
};

enum class ConversationKind { fill, messages, prompt_completion, instruction };

/// How a record becomes messages.
struct ConversationRule {
  ConversationKind kind = ConversationKind::fill;
  std::vector<MessageTemplate> fill;
  std::string system;                   // put before the others; "" for none
  std::string field = "messages";       // kind messages: the list, and how its entries name things
  std::string role_key = "role";
  std::string content_key = "content";
  std::map<std::string, std::string> roles;  // the record's word to system, user, assistant or tool
};

struct AnswerRule {
  std::vector<std::string> stop;  // generation ends behind the first of these
  bool json = false;              // read as a JSON value, stop string included; otherwise as text before it
  std::string metric = "loss";
};

struct Task {
  std::filesystem::path path;
  std::string about;
  Source source;
  Cleaning clean;
  std::vector<Derived> derive;
  std::vector<Filter> keep;
  std::vector<std::string> unique;  // records equal in all of these fields are one; empty: in all fields
  Split split;
  ConversationRule conversation;
  AnswerRule answer;
  std::string hash;  // SHA-256 of all that the file says, but for "about" and where the source lies
};

/// Throws ConfigError with every mistake of the file, each at its line and column. `file`, where given, is read instead of
/// what the task names as its source.
Task load_task(const std::filesystem::path& path, const std::filesystem::path& file = {});

/// The same for a document at hand; a relative `source.file` is resolved against the folder of `path`.
Task read_task(const io::Document& document, const std::filesystem::path& path, const std::filesystem::path& file = {});

/// The JSON schema (draft 2020-12) of task files.
Json task_schema();

}  // namespace peftlab::data
