#include "peftlab/options.h"

#include <limits>

#include "core/io/regex_fault.h"
#include "core/plugin/json_value.h"
#include "core/plugin/options_state.h"
#include "core/plugin/target_match.h"

namespace peftlab {
namespace {

constexpr const char* kAllLinear = "all-linear";

io::Range range_of(const Within& within) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {within.least <= -1e300 ? -kInfinity : within.least, within.most >= 1e300 ? kInfinity : within.most, within.above,
          within.below};
}

bool is_texts(const io::Json& json) {
  if (!json.is_array()) return false;
  for (const auto& item : json) {
    if (!item.is_string()) return false;
  }
  return true;
}

// Whole numbers of 64 bits; nothing when one is not.
std::optional<std::vector<int64_t>> whole_numbers(const io::Json& json) {
  std::vector<int64_t> result;
  for (const auto& item : json.is_array() ? json : io::Json::array({json})) {
    if (!item.is_number_integer()) return std::nullopt;
    if (item.is_number_unsigned() && item.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return std::nullopt;
    }
    result.push_back(item.get<int64_t>());
  }
  return result;
}

io::Json targets_json(const Targets& targets) {
  if (targets.all_linear) return kAllLinear;
  if (!targets.regex.empty()) return targets.regex;
  return targets.names;
}

// Reads the value of a targets key into `targets`; false when it is no such value.
bool read_targets(const io::Json& json, Targets& targets) {
  Targets read;
  if (json.is_string()) {
    const auto text = json.get<std::string>();
    read.all_linear = text == kAllLinear;
    if (!read.all_linear) read.regex = text;
    if (text.empty()) return false;
  } else if (is_texts(json)) {
    read.names = json.get<std::vector<std::string>>();
  } else {
    return false;
  }
  targets = std::move(read);
  return true;
}

// "" for what is a regular expression.
std::string expression_mistake(const std::string& expression) {
  const auto fault = io::regex_fault(expression);
  return fault.empty() ? "" : "'" + expression + "' is no regular expression: " + fault;
}

}  // namespace

void Options::State::declare(const std::string& key, io::Json value, const std::string& type) {
  if (!seen_.insert(key).second) return;
  declared.push_back(reader.declared().back());
  if (!type.empty()) declared.back().type = type;
  resolved[key] = std::move(value);
}

Options::Options(std::shared_ptr<State> state) : state_(std::move(state)) {}

Options::~Options() = default;

bool Options::has(const std::string& key) const { return state_->reader.has(key); }

int64_t Options::integer(const std::string& key, int64_t fallback, const std::string& about, Within within) {
  const auto value = state_->reader.integer(key, fallback, about, range_of(within));
  state_->declare(key, value);
  return value;
}

double Options::number(const std::string& key, double fallback, const std::string& about, Within within) {
  const auto value = state_->reader.number(key, fallback, about, range_of(within));
  state_->declare(key, value);
  return value;
}

bool Options::flag(const std::string& key, bool fallback, const std::string& about) {
  const auto value = state_->reader.flag(key, fallback, about);
  state_->declare(key, value);
  return value;
}

std::string Options::text(const std::string& key, const std::string& fallback, const std::string& about) {
  auto value = state_->reader.text(key, fallback, about);
  state_->declare(key, value);
  return value;
}

std::string Options::choice(const std::string& key, const std::string& fallback, const std::vector<std::string>& choices,
                            const std::string& about) {
  auto value = state_->reader.choice(key, fallback, choices, about);
  state_->declare(key, value);
  return value;
}

std::vector<std::string> Options::texts(const std::string& key, const std::vector<std::string>& fallback,
                                        const std::string& about) {
  auto value = state_->reader.texts(key, fallback, about);
  state_->declare(key, value);
  return value;
}

std::vector<int64_t> Options::integers(const std::string& key, const std::vector<int64_t>& fallback, const std::string& about) {
  const auto json = state_->reader.any(key, about);
  auto value = json.is_null() ? fallback : whole_numbers(json);
  if (!value) mistake(key, "expected a list of integers, got " + json.dump());
  state_->declare(key, value.value_or(fallback), "array of integers");
  return value.value_or(fallback);
}

std::vector<std::pair<std::string, double>> Options::numbers(const std::string& key, const std::string& about) {
  const auto json = state_->reader.any(key, about);
  std::vector<std::pair<std::string, double>> result;
  if (!json.is_null() && !json.is_object()) mistake(key, "expected an object of numbers, got " + json.dump());
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      if (value.is_number()) result.emplace_back(name, value.get<double>());
      else mistake(key, "expected a number for '" + name + "', got " + value.dump());
    }
  }
  state_->declare(key, json.is_object() ? json : io::Json::object(), "object of numbers");
  return result;
}

Targets Options::targets(const std::string& key, const Targets& fallback, const std::string& about) {
  Targets targets = fallback;
  const auto json = state_->reader.any(key, about);
  if (!json.is_null() && !read_targets(json, targets)) {
    mistake(key, "expected a list of module names, a regular expression, or \"all-linear\", got " + json.dump());
  }
  if (const auto wrong = expression_mistake(targets.regex); !wrong.empty()) mistake(key, wrong);
  state_->declare(key, targets_json(targets), "targets");
  if (state_->declared.back().key == key) state_->declared.back().fallback = targets_json(fallback);
  const auto exclude = state_->reader.any("exclude", "module names, or a regular expression, of what is left out again");
  if (exclude.is_string()) targets.exclude = {exclude.get<std::string>()};
  else if (is_texts(exclude)) targets.exclude = exclude.get<std::vector<std::string>>();
  else if (!exclude.is_null()) mistake("exclude", "expected a list of module names or a regular expression, got " + exclude.dump());
  const bool by_regex = plugin::is_expression(targets.exclude);
  if (const auto wrong = expression_mistake(by_regex ? targets.exclude[0] : ""); !wrong.empty())
    mistake("exclude", wrong);
  state_->declare("exclude", exclude.is_null() ? io::Json::array() : exclude, "names or regular expression");
  targets.layers = integers("layers", fallback.layers, "numbers of the layers to fill, from 0; empty: all");
  return targets;
}

Value Options::any(const std::string& key, const std::string& about) {
  const auto json = state_->reader.any(key, about);
  state_->declare(key, json);
  return plugin::to_value(json);
}

void Options::mistake(const std::string& key, const std::string& message) { state_->reader.mistake(key, message); }

}  // namespace peftlab
