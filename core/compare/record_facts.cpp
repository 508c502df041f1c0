#include "core/compare/record_facts.h"

#include "core/compare/json_access.h"

namespace peftlab::compare {
namespace {

/// Every value below `value`, named by the keys that lead to it.
void flatten(const io::Json& value, const std::string& name, Facts& facts) {
  if (!value.is_object()) {
    facts.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    return;
  }
  for (const auto& [key, inner] : value.items()) flatten(inner, name + "." + key, facts);
}

/// "test: 600" or "test: the first 100", split by split.
std::string evaluated_items(const io::Json& record) {
  const auto* splits = find(record, "experiment", "evaluate", "splits");
  if (splits == nullptr || !splits->is_array()) return "";
  std::string text;
  for (const auto& entry : *splits) {
    if (!entry.is_string()) continue;
    const auto split = entry.get<std::string>();
    const auto limit = count_at(record, "experiment", "evaluate", "max_items", split.c_str());
    const auto all = text_at(record, "data", "splits", split.c_str(), "num_items");
    text += (text.empty() ? "" : ", ") + split + ": " +
            (limit ? "the first " + std::to_string(*limit) + " of " + all : all);
  }
  return text;
}

}  // namespace

std::string number_type(const io::Json& record) {
  const auto name = text_at(record, "numbers", "base_type");
  if (name == "bfloat16") return "bf16";
  return name == "float32" ? "f32" : name;
}

Facts must_agree(const io::Json& record) {
  return {{"result version", text_at(record, "result_version")},
          {"source weights", text_at(record, "hashes", "model")},
          {"data", text_at(record, "hashes", "data")},
          {"task, with its metric", text_at(record, "hashes", "task")},
          {"template", text_at(record, "hashes", "format")},
          {"tokenizer", text_at(record, "hashes", "tokenizer")},
          {"evaluation items", evaluated_items(record)},
          {"decoding, new tokens at most", text_at(record, "experiment", "evaluate", "max_new_tokens")}};
}

std::string machine_of(const io::Json& record) {
  if (find(record, "machine") == nullptr) return "";
  const int64_t at_once = count_at(record, "machine", "runs_at_once").value_or(1);
  return text_at(record, "machine", "processor") + ", " + text_at(record, "machine", "cores") + " cores, " +
         text_at(record, "machine", "threads") + " threads, " +
         (at_once > 1 ? std::to_string(at_once) + " runs at once, " : "") + text_at(record, "numbers", "device") + ", libtorch " +
         text_at(record, "machine", "libtorch") + ", " + text_at(record, "machine", "build");
}

Facts circumstances(const io::Json& record, const std::string& machine) {
  Facts facts = {{"peftlab", text_at(record, "peftlab")},
                 {"commit", text_at(record, "commit")},
                 {"machine", machine},
                 {"number type", number_type(record)},
                 {"forgetting texts", text_at(record, "hashes", "forgetting")},
                 {"items answered at once", text_at(record, "experiment", "evaluate", "batch_size")}};
  if (const auto* train = find(record, "experiment", "train")) flatten(*train, "train", facts);
  return facts;
}

std::string settings_of(const io::Json& record) {
  const auto* experiment = find(record, "experiment");
  if (experiment == nullptr || !experiment->is_object()) return "";
  io::Json settings = *experiment;
  for (const char* other : {"about", "seed", "seeds"}) settings.erase(other);
  settings["number type"] = text_at(record, "numbers", "base_type");
  settings["start"] = text_at(record, "hashes", "adapter");
  return settings.dump();
}

}  // namespace peftlab::compare
