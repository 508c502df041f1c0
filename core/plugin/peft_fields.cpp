#include "peftlab/peft.h"

#include <algorithm>
#include <cctype>

#include "core/plugin/json_value.h"
#include "peftlab/error.h"

namespace peftlab {
namespace {

// The version whose files these are like.
constexpr const char* kPeftVersion = "0.21.2";

const std::vector<std::string> kCommon = {"peft_type", "task_type", "auto_mapping", "base_model_name_or_path",
                                          "revision", "peft_version", "inference_mode", "runtime_config"};
const std::vector<std::string> kTargeting = {"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_neutral(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value.data())) return !*flag;
  if (value.is_text()) return value.text().empty();
  if (value.is_list()) return value.list().empty();
  return value.is_null() || (value.is_fields() && value.fields().items().empty());
}

bool is_plain_name(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; });
}

Value exclude_value(const std::vector<std::string>& exclude) {
  if (exclude.empty()) return nullptr;
  if (exclude.size() == 1 && !is_plain_name(exclude[0])) return exclude[0];
  return exclude;
}

// PEFT finds a layer's number behind the name of the list of layers; a model has one such list here, so naming it adds nothing.
bool is_usual_pattern(const Value& value) {
  const auto usual = [](const Value& item) { return item.is_text() && (item.text() == "layers" || item.text() == "h"); };
  if (value.is_list()) return std::all_of(value.list().begin(), value.list().end(), usual);
  return usual(value) || is_neutral(value);
}

void add_fault(std::string& faults, const std::string& field, const Value& value, const std::string& expected) {
  if (!faults.empty()) faults += "\n";
  faults += "field '" + field + "' of the adapter is " + plugin::to_json(value).dump() + ", which this method does not know; expected " + expected;
}

void read_targets(const Fields& config, Fields& options, std::string& faults) {
  const auto take = [&](const char* field, const char* option) {
    const Value* value = config.find(field);
    if (value == nullptr || value->is_null()) return;
    const bool is_number = std::holds_alternative<int64_t>(value->data());
    options.set(option, is_number ? Value(List{*value}) : *value);
  };
  take("target_modules", "targets");
  take("exclude_modules", "exclude");
  take("layers_to_transform", "layers");
  const Value* pattern = config.find("layers_pattern");
  if (pattern != nullptr && !is_usual_pattern(*pattern)) {
    add_fault(faults, "layers_pattern", *pattern, "null or \"layers\"");
  }
}

}  // namespace

Fields peft_fields(const std::string& peft_type) {
  Fields config;
  config.set("peft_type", peft_type);
  config.set("task_type", "CAUSAL_LM");
  config.set("auto_mapping", nullptr);
  config.set("revision", nullptr);
  config.set("peft_version", kPeftVersion);
  config.set("inference_mode", true);
  return config;
}

void set_peft_targets(Fields& config, const Targets& targets, const std::vector<std::string>& filled) {
  const bool as_given = !targets.all_linear && (targets.regex.empty() || targets.layers.empty());
  config.set("layers_pattern", nullptr);
  config.set("layers_to_transform", nullptr);
  if (!as_given) {
    config.set("target_modules", filled);
    config.set("exclude_modules", nullptr);
    return;
  }
  config.set("target_modules", targets.regex.empty() ? Value(targets.names) : Value(targets.regex));
  config.set("exclude_modules", exclude_value(targets.exclude));
  if (!targets.layers.empty()) config.set("layers_to_transform", List(targets.layers.begin(), targets.layers.end()));
}

Fields options_from_peft_fields(const Fields& config, const std::vector<PeftName>& renamed, const std::vector<std::string>& inert) {
  Fields options;
  std::string faults;
  read_targets(config, options, faults);
  for (const auto& [field, value] : config.items()) {
    if (contains(kCommon, field) || contains(kTargeting, field) || contains(inert, field)) continue;
    const auto known = std::find_if(renamed.begin(), renamed.end(), [&wanted = field](const PeftName& name) { return wanted == name.field; });
    if (known != renamed.end()) {
      if (!value.is_null()) options.set(known->option, value);
    } else if (!is_neutral(value)) {
      add_fault(faults, field, value, "none, or null or false");
    }
  }
  if (!faults.empty()) throw ConfigError(faults);
  return options;
}

}  // namespace peftlab
