#include <algorithm>

#include "core/lab/experiment_reader.h"

namespace peftlab::lab {

namespace fs = std::filesystem;
using io::Json;
using io::ObjectReader;
using io::Range;

namespace {

constexpr Range kCount{.least = 1};
constexpr const char* kForgetting = "/evaluate/forgetting";

std::vector<std::string> read_splits(ObjectReader& reader) {
  const std::vector<std::string> known = {"train", "dev", "test"};
  std::vector<std::string> splits =
      reader.texts("splits", std::vector<std::string>{"test"}, "what is evaluated at the end: train, dev, test");
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (std::find(known.begin(), known.end(), splits[i]) == known.end()) {
      const auto near = io::nearest(splits[i], known);
      reader.mistake("splits", "expected 'train', 'dev' or 'test', got '" + splits[i] + "'" +
                                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
    if (std::find(splits.begin(), splits.begin() + static_cast<std::ptrdiff_t>(i), splits[i]) !=
        splits.begin() + static_cast<std::ptrdiff_t>(i)) {
      reader.mistake("splits", "names '" + splits[i] + "' twice");
    }
  }
  return splits;
}

// Texts of the library, one file a kind.
std::vector<fs::path> library_texts(const fs::path& library) {
  std::vector<fs::path> texts;
  if (library.empty()) return texts;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(library / "forgetting", error)) {
    if (entry.path().extension() == ".txt") texts.push_back(entry.path());
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

evaluate::Settings ExperimentReader::read_evaluate() {
  ObjectReader reader = root_.object("evaluate", "what is measured");
  evaluate::Settings evaluate;
  evaluate.splits = read_splits(reader);
  ObjectReader items = reader.object("max_items", "at most so many items of a split; all if not given");
  evaluate.max_dev_items = items.optional_integer("dev", "items of the dev split", kCount);
  evaluate.max_test_items = items.optional_integer("test", "items of the test split", kCount);
  evaluate.batch_size = reader.integer("batch_size", 32, "answers generated at once", kCount);
  evaluate.max_new_tokens = reader.integer("max_new_tokens", 128, "tokens of an answer", kCount);
  evaluate.base = reader.flag("base", true, "measure the base model on the same items first");
  const Json schema =
      Json::parse(R"({"anyOf": [{"type": "boolean"}, {"type": "null"}, {"type": "object", "properties": {
      "texts": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
                "description": "UTF-8 files, one a kind of text"},
      "task": {"type": "string", "description": "a task whose test split is used instead"},
      "max_tokens": {"type": "integer", "minimum": 2, "description": "tokens of each kind", "default": 8192}},
    "additionalProperties": false}], "default": true})");
  reader.any("forgetting", "measure the change from the base model on text that is not the task's", schema);
  evaluate.forgetting = read_forgetting();
  evaluate.free_prompts = read_free_prompts(reader);
  evaluate.free_answer_tokens =
      reader.integer("free_answer_tokens", 64, "tokens of an answer to a free prompt", kCount);
  return evaluate;
}

std::optional<evaluate::Forgetting> ExperimentReader::read_forgetting() {
  const Json::json_pointer at(kForgetting);
  const Json value = layers_.document.value.contains(at) ? layers_.document.value.at(at) : Json();
  if (value.is_boolean() && !value.get<bool>()) return std::nullopt;
  evaluate::Forgetting forgetting;
  if (value.is_object()) {
    ObjectReader reader(layers_.document, kForgetting, mistakes_);
    for (const auto& text : reader.texts("texts", std::vector<std::string>(), "UTF-8 files, one a kind of text")) {
      forgetting.texts.push_back(resolve(text, io::child(kForgetting, "texts")));
      std::error_code error;
      if (!fs::is_regular_file(forgetting.texts.back(), error))
        reader.mistake("texts", "no such file: " + forgetting.texts.back().string());
    }
    if (reader.has("texts") && reader.has("task"))
      reader.mistake("task", "texts and task exclude each other; keep one of them");
    const std::string task = reader.text("task", "", "a task whose test split is used instead");
    if (!task.empty()) forgetting.task = task_file(task, io::child(kForgetting, "task"));
    forgetting.max_tokens = reader.integer("max_tokens", 8192, "tokens of each kind", {.least = 2});
    reader.finish();
  } else if (!value.is_null() && !value.is_boolean()) {
    mistake(kForgetting, "expected true, false or an object, got " + io::shown(value));
    return std::nullopt;
  }
  if (!forgetting.texts.empty() || forgetting.task) return forgetting;
  forgetting.texts = library_texts(library_);
  lacks_texts_ = forgetting.texts.empty();
  if (lacks_texts_ && !value.is_null()) require_texts();
  return forgetting;
}

void ExperimentReader::require_texts() {
  if (!lacks_texts_) return;
  lacks_texts_ = false;
  mistake(kForgetting, "there are no texts to measure forgetting on; name \"texts\" or a \"task\", or write false");
}

std::vector<std::string> ExperimentReader::read_free_prompts(ObjectReader& reader) {
  const Json schema = Json::parse(
      R"({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "null"}]})");
  const Json value = reader.any(
      "free_prompts", "prompts answered before and after, for the record: a list, or a JSON file with one", schema);
  const io::Pointer pointer = "/evaluate/free_prompts";
  io::Document file;
  fs::path path;
  if (value.is_string()) path = resolve(value.get<std::string>(), pointer);
  else if (value.is_null() && !library_.empty()) path = library_ / "forgetting" / "free_prompts.json";
  std::error_code error;
  if (value.is_null() && !fs::exists(path, error)) return {};
  if (value.is_string() && !fs::is_regular_file(path, error)) {
    mistake(pointer, "no such file: " + path.string());
    return {};
  }
  const Json& list = path.empty() ? value : (file = io::read_json(path)).value;
  std::vector<std::string> prompts;
  for (const auto& prompt : list) {
    if (list.is_array() && prompt.is_string()) prompts.push_back(prompt.get<std::string>());
  }
  const std::string expected = "expected a list of strings, or the JSON file of one";
  if (list.is_array() && prompts.size() == list.size()) return prompts;
  if (path.empty()) mistake(pointer, expected);
  else mistakes_.add(file.where(""), "", "expected a list of strings");
  return {};
}

}  // namespace peftlab::lab
