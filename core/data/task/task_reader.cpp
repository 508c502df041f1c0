#include "core/data/task/task_reader.h"

#include "core/data/metric.h"
#include "core/data/records/placeholders.h"

namespace peftlab::data {
namespace {

const std::vector<std::string> kSplits = {"train", "dev", "test"};

}  // namespace

TaskReader::TaskReader(const io::Document& document, io::Mistakes& mistakes)
    : document_(document), mistakes_(mistakes), root_(document, "", mistakes) {}

Task TaskReader::read() {
  Task task;
  root_.text("$schema", "", "the JSON schema, for editors");
  task.about = root_.text("about", std::nullopt, "which data this is, and what is asked of the model");
  read_source(task.source);
  read_cleaning(task.clean);
  read_derived(task.derive);
  read_filters(task.keep);
  task.unique = root_.texts("unique", std::vector<std::string>(), "records equal in these fields are one; empty: in all fields");
  for (const auto& field : task.unique) check_field(field, "/unique");
  read_split(task.split);
  read_conversation(task.conversation);
  read_answer(task.answer);
  root_.finish();
  return task;
}

void TaskReader::read_source(Source& source) {
  auto reader = root_.object("source", "where the records come from", /*required=*/true);
  const std::string kind = reader.choice("kind", std::nullopt, {"csv", "json", "jsonl"}, "the format");
  source.kind = kind == "jsonl" ? SourceKind::jsonl : kind == "json" ? SourceKind::json : SourceKind::csv;
  source.file = reader.text("file", "", "path of the file, relative to the task file");
  source.dataset = reader.text("dataset", "", "name of a data set in experiments/datasets.json, fetched when needed");
  if (source.file.empty() == source.dataset.empty()) {
    reader.mistake("", std::string(source.file.empty() ? "neither" : "both") + " of 'file' and 'dataset' given, expected one");
  }
  source.records = reader.text("records", "", "json: pointer to the list of records, as in \"/data\"; empty: the document");
  if (!source.records.empty() && source.records[0] != '/') reader.mistake("records", "expected a JSON pointer, which begins with '/'");
  source.columns = pairs(reader, "columns", "field: column (csv) or key (json); absent: all, under their own names");
  fields_known_ = !source.columns.empty();
  for (const auto& [field, column] : source.columns) fields_.insert(field);
  const std::string delimiter = reader.text("delimiter", ",", "csv: one ASCII character between fields");
  if (delimiter.size() != 1 || delimiter[0] == '"' || delimiter[0] == '\n' || delimiter[0] == '\r') {
    reader.mistake("delimiter", "expected one ASCII character other than a quote or line end, got '" + delimiter + "'");
  } else {
    source.delimiter = delimiter[0];
  }
  source.find_header = reader.flag("find_header", false, "csv: rows before the one that names all columns are descriptions");
  if (source.find_header && source.columns.empty()) reader.mistake("find_header", "needs 'columns', to know the header by");
  source.skip_rows = reader.integer("skip_rows", 0, "csv: description rows behind the header", {.least = 0});
  if (kind != "csv") {
    for (const char* key : {"delimiter", "find_header", "skip_rows"}) {
      if (reader.has(key)) reader.mistake(key, "only csv has it, the kind is '" + kind + "'");
    }
  }
  if (kind != "json" && reader.has("records")) reader.mistake("records", "only json has it, the kind is '" + kind + "'");
}

void TaskReader::read_cleaning(Cleaning& clean) {
  auto reader = root_.object("clean", "what is done to every text field, in the order of these keys");
  clean.normalize = reader.choice("normalize", "", {"", "nfc", "nfkc"}, "Unicode normalisation");
  clean.replace = pairs(reader, "replace", "text: what stands for it");
  for (const auto& [from, to] : clean.replace) {
    if (from.empty()) reader.mistake("replace", "an empty text can not be replaced");
  }
  clean.remove = characters(reader, "remove", "characters taken out of every field");
  clean.strip = reader.flag("strip", true, "white space at both ends of a field is taken away");
  clean.drop_records_with = characters(reader, "drop_records_with", "a record with such a character is dropped");
  clean.may_be_empty = reader.texts("may_be_empty", std::vector<std::string>(), "fields that may be empty");
  for (const auto& field : clean.may_be_empty) check_field(field, "/clean/may_be_empty");
}

void TaskReader::read_derived(std::vector<Derived>& derive) {
  for (auto& reader : root_.objects("derive", "fields made from others, in order; a field may be made anew")) {
    Derived one;
    one.field = reader.text("field", std::nullopt, "the field made");
    if (!reader.has("text")) reader.mistake("text", "missing, expected a template such as \"{city}{town}\"");
    one.text = template_text(reader, "text", "template it starts as: \"{city}{town}\"");
    one.remove_prefix = template_text(reader, "remove_prefix", "template of what is taken off its beginning");
    one.remove_suffix = template_text(reader, "remove_suffix", "template of what is taken off its end");
    one.after_last = reader.text("after_last", "", "only what stands behind the last of this is kept");
    one.strip = reader.flag("strip", false, "white space at both ends is taken away, last");
    one.keep_otherwise = reader.choice("otherwise", "drop", {"drop", "keep"},
                                       "where prefix, suffix or mark is absent: drop the record, or keep the text") == "keep";
    fields_.insert(one.field);
    derive.push_back(std::move(one));
  }
}

void TaskReader::read_filters(std::vector<Filter>& keep) {
  for (auto& reader : root_.objects("keep", "conditions; a record that fails one is dropped")) {
    Filter one;
    const std::vector<std::string> none;
    one.field = reader.text("field", std::nullopt, "the field looked at");
    check_field(one.field, io::child(reader.pointer(), "field"));
    one.one_of = reader.texts("one_of", none, "it is one of these");
    one.none_of = reader.texts("none_of", none, "it is none of these");
    one.starts_with = reader.texts("starts_with", none, "it begins with one of these");
    one.ends_with = reader.texts("ends_with", none, "it ends with one of these");
    one.contains = reader.texts("contains", none, "it holds one of these");
    one.lacks = reader.texts("lacks", none, "it holds none of these");
    one.min_characters = reader.integer("min_characters", 0, "it has at least so many characters", {.least = 0});
    const int64_t most = reader.integer("max_characters", 0, "it has at most so many characters; 0: any number", {.least = 0});
    if (most > 0) one.max_characters = most;
    if (most > 0 && most < one.min_characters) reader.mistake("max_characters", "less than 'min_characters'");
    keep.push_back(std::move(one));
  }
}

void TaskReader::read_split(Split& split) {
  auto reader = root_.object("split", "which records train, which choose settings, which test", /*required=*/true);
  split.seed = static_cast<uint64_t>(reader.integer("seed", 0, "decides the order of the records", {.least = 0}));
  auto sizes = reader.object("sizes", "numbers of records; 0: no such split");
  auto ratios = reader.object("ratios", "shares of the records left after cleaning; 0: no such split");
  double sum = 0;
  for (const auto& name : kSplits) {
    const int64_t size = sizes.integer(name, 0, "records in '" + name + "'", {.least = 0});
    const double ratio = ratios.number(name, 0.0, "share of '" + name + "'", {.least = 0, .most = 1});
    if (size > 0) split.sizes.emplace_back(name, size);
    if (ratio > 0) split.ratios.emplace_back(name, ratio);
    sum += ratio;
  }
  constexpr double kRounding = 1e-9;
  if (sum > 1 + kRounding) reader.mistake("ratios", "the shares are more than 1 together");
  if (reader.has("sizes") == reader.has("ratios")) {
    reader.mistake("", std::string(reader.has("sizes") ? "both" : "neither") + " of 'sizes' and 'ratios' given, expected one");
  } else if (split.sizes.empty() && split.ratios.empty()) {
    reader.mistake(reader.has("sizes") ? "sizes" : "ratios", "no split holds a record");
  }
}

void TaskReader::read_answer(AnswerRule& answer) {
  auto reader = root_.object("answer", "how an answer is read and scored");
  answer.stop = reader.texts("stop", std::vector<std::string>(), "generation ends behind the first of these");
  for (const auto& stop : answer.stop) {
    if (stop.empty()) reader.mistake("stop", "an empty stop string would end every answer before its first character");
  }
  answer.json = reader.choice("read", "text", {"text", "json"},
                              "json: the answer up to the stop string, parsed; text: what stands before the stop string") == "json";
  answer.metric = reader.choice("metric", "loss", metric_names(), "how it is scored against the reference");
  if (answer.metric == "exact_match_json" && !answer.json) reader.mistake("metric", "'exact_match_json' needs \"read\": \"json\"");
}

void TaskReader::mistake(const io::Pointer& pointer, const std::string& message) {
  mistakes_.add(document_.where(pointer), pointer, message);
}

}  // namespace peftlab::data
