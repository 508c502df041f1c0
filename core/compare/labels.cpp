#include "core/compare/labels.h"

#include <map>
#include <set>

#include "core/io/json.h"

namespace peftlab::compare {
namespace {

using Flat = std::map<std::string, std::string>;

constexpr size_t kSettingsNamed = 3;

void flatten(const io::Json& value, const std::string& name, Flat& flat) {
  if (!value.is_structured() || value.empty()) {
    flat[name] = value.is_string() ? value.get<std::string>() : value.dump();
    return;
  }
  for (const auto& [key, inner] : value.items()) flatten(inner, name.empty() ? key : name + "." + key, flat);
}

/// Settings are an object where the record is peftlab's own.
Flat flat_settings(const Run& run) {
  const auto json = io::Json::parse(run.settings, nullptr, /*allow_exceptions=*/false);
  Flat flat;
  if (json.is_object()) flatten(json, "", flat);
  return flat;
}

std::string value_in(const Flat& flat, const std::string& key) {
  const auto found = flat.find(key);
  return found == flat.end() ? "-" : found->second;
}

/// "method.0.rank" and "train.learning_rate" are told by their last word.
std::string last_word(const std::string& key) { return key.substr(key.rfind('.') + 1); }

void tell_apart(const std::vector<const Run*>& runs, const std::vector<size_t>& same_name,
                std::vector<std::string>& labels) {
  std::vector<Flat> settings;
  std::set<std::string> keys;
  for (const size_t i : same_name) {
    settings.push_back(flat_settings(*runs[i]));
    for (const auto& [key, value] : settings.back()) keys.insert(key);
  }
  for (size_t k = 0; k < same_name.size(); ++k) {
    std::string text;
    size_t named = 0;
    for (const auto& key : keys) {
      bool differs = false;
      for (const auto& other : settings) differs = differs || value_in(other, key) != value_in(settings.front(), key);
      if (differs && named++ < kSettingsNamed)
        text += (text.empty() ? "" : ", ") + last_word(key) + " " + value_in(settings[k], key);
    }
    if (!text.empty()) labels[same_name[k]] += " (" + text + ")";
  }
}

}  // namespace

std::vector<std::string> labels_of(const std::vector<const Run*>& runs) {
  std::vector<std::string> labels;
  std::map<std::string, std::vector<size_t>> by_name;
  for (size_t i = 0; i < runs.size(); ++i) {
    labels.push_back(runs[i]->name);
    by_name[runs[i]->name].push_back(i);
  }
  for (const auto& [name, same] : by_name) {
    if (same.size() > 1) tell_apart(runs, same, labels);
  }
  // What still has the same label is numbered.
  std::map<std::string, int> seen;
  for (auto& label : labels) {
    if (const int count = ++seen[label]; count > 1) label += " #" + std::to_string(count);
  }
  return labels;
}

}  // namespace peftlab::compare
