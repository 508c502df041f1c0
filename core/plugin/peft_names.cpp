// Module names in include/peftlab/peft.h.
#include <algorithm>
#include <cmath>

#include "core/io/regex_fault.h"
#include "peftlab/peft.h"

namespace peftlab {

bool is_named(const std::string& module, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return module == name || module.ends_with("." + name); });
}

NumberPattern::NumberPattern(Options& options, const std::string& key, const std::string& about, int64_t integers_to) {
  for (const auto& [name, number] : options.numbers(key, about)) {
    const bool whole = number == std::floor(number) && std::abs(number) < 9e15;
    if (integers_to > 0 && (!whole || number < 1 || number > static_cast<double>(integers_to))) {
      options.mistake(key, "expected an integer from 1 to " + std::to_string(integers_to) + " for '" + name + "'");
      continue;
    }
    if (const auto fault = io::regex_fault(name); !fault.empty()) {
      options.mistake(key, "'" + name + "' is no regular expression: " + fault);
      continue;
    }
    entries_.emplace_back(std::regex("(.*\\.)?(" + name + ")"), number);
    fields_.set(name, whole ? Value(static_cast<int64_t>(number)) : Value(number));
  }
}

double NumberPattern::at(const std::string& module, double fallback) const {
  for (const auto& [pattern, number] : entries_) {
    if (std::regex_match(module, pattern)) return number;
  }
  return fallback;
}

std::vector<std::string> NumberPattern::unmatched(const std::vector<std::string>& modules) const {
  std::vector<std::string> keys;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto fits = [&](const std::string& module) { return std::regex_match(module, entries_[i].first); };
    if (std::none_of(modules.begin(), modules.end(), fits)) keys.push_back(fields_.items()[i].first);
  }
  return keys;
}

std::string table_module(const InjectionPoints& points) { return points.shape().embedding; }

torch::Tensor kept_table(const InjectionPoints& points) {
  Targets table;
  table.names = {table_module(points)};
  for (const auto* parameter : points.parameters(table)) {
    if (parameter->name() == table_module(points) + ".weight") return parameter->value();
  }
  TORCH_CHECK(false, "kept_table: the model has no tensor ", table_module(points), ".weight");
}

}  // namespace peftlab
