// What was set, and with what it was run.
#include <algorithm>
#include <map>
#include <set>

#include "core/compare/json_access.h"
#include "core/page/sections.h"
#include "core/page/tables.h"

namespace peftlab::page {
namespace {

constexpr size_t kMostSettings = 400, kMostValueCharacters = 200, kNamesOfRuns = 4;

using Flat = std::vector<std::pair<std::string, std::string>>;

/// Every value below `value`, named by the keys that lead to it.
void flatten(const io::Json& value, const std::string& name, Flat& flat) {
  if (value.is_structured() && !value.empty()) {
    for (const auto& [key, inner] : value.items()) flatten(inner, name.empty() ? key : name + "." + key, flat);
    return;
  }
  const auto text =
      value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, io::Json::error_handler_t::replace);
  flat.emplace_back(name, clipped(text, kMostValueCharacters));
}

/// What an experiment sets, but for what no result depends on and what is told beside it.
Flat settings_of(const io::Json& record) {
  Flat flat;
  const auto* experiment = compare::find(record, "experiment");
  if (experiment == nullptr || !experiment->is_object()) return flat;
  auto settings = *experiment;
  for (const char* other : {"about", "seed", "seeds"}) settings.erase(other);
  flatten(settings, "", flat);
  return flat;
}

std::string value_in(const Flat& flat, const std::string& key) {
  for (const auto& [name, value] : flat) {
    if (name == key) return value;
  }
  return "-";
}

/// Keys in the order in which they come first.
std::vector<std::string> differing_keys(const std::vector<std::pair<std::string, Flat>>& rows) {
  std::vector<std::string> keys;
  std::map<std::string, std::map<std::string, size_t>> values;
  for (const auto& [label, flat] : rows) {
    for (const auto& [key, value] : flat) {
      if (!values.contains(key)) keys.push_back(key);
      ++values[key][value];
    }
  }
  std::erase_if(keys, [&](const std::string& key) {
    return values[key].size() == 1 && values[key].begin()->second == rows.size();
  });
  return keys;
}

/// One fact, and the runs it is told of.
class Facts {
 public:
  void add(const std::string& what, const std::string& value, const std::string& run) {
    if (value.empty()) return;
    if (!values_.contains(what)) order_.push_back(what);
    auto& values = values_[what];
    auto at = std::find_if(values.begin(), values.end(), [&](const auto& known) { return known.first == value; });
    if (at == values.end()) at = values.insert(at, {value, {}});
    at->second.push_back(run);
  }

  TableData table(size_t num_runs) const {
    TableData data{"What the runs were made with", {"what", "value", "runs"}, {}};
    for (const auto& what : order_) {
      for (const auto& [value, runs] : values_.at(what)) {
        data.rows.push_back({TableCell::of(what),
                             {Html::text(clipped(value, kMostValueCharacters)), "code"},
                             TableCell::of(runs.size() == num_runs ? "all " + std::to_string(num_runs) : named(runs))});
      }
    }
    return data;
  }

 private:
  static std::string named(const std::vector<std::string>& runs) {
    std::string text;
    for (size_t i = 0; i < std::min(runs.size(), kNamesOfRuns); ++i) text += (i ? "; " : "") + runs[i];
    if (runs.size() > kNamesOfRuns) text += " and " + std::to_string(runs.size() - kNamesOfRuns) + " more";
    return text;
  }

  std::vector<std::string> order_;
  std::map<std::string, std::vector<std::pair<std::string, std::vector<std::string>>>> values_;
};

void add_below(Facts& facts, const io::Json& record, const char* part, const std::string& run) {
  const auto* found = compare::find(record, part);
  if (found == nullptr || !found->is_object()) return;
  Flat flat;
  flatten(*found, part, flat);
  for (const auto& [key, value] : flat) facts.add(key, value, run);
}

void add_record(Facts& facts, const io::Json& record, const std::string& run) {
  for (const char* key : {"peftlab", "commit", "result_version"}) facts.add(key, compare::text_at(record, key), run);
  for (const char* part : {"hashes", "numbers", "model", "machine"}) add_below(facts, record, part, run);
  const auto* methods = compare::find(record, "methods");
  if (methods == nullptr || !methods->is_array()) return;
  for (const auto& method : *methods) {
    const auto name = "method " + compare::text_at(method, "name");
    facts.add(name + ", library", compare::text_at(method, "library_sha256"), run);
    facts.add(name + ", paper", compare::text_at(method, "paper"), run);
  }
}

}  // namespace

Html differing_settings(const Group& group) {
  std::vector<std::pair<std::string, Flat>> rows;
  for (const auto& row : group.rows) {
    if (row.row->untrained) continue;
    if (auto flat = settings_of(row.record()); !flat.empty()) rows.emplace_back(row.row->label, std::move(flat));
  }
  if (rows.size() < 2) return {};
  const auto keys = differing_keys(rows);
  if (keys.empty()) return element("p", "The rows differ in no setting.");
  TableData data{"Settings in which the rows differ; “-”: not set there", {"setting"}, {}};
  for (const auto& [label, flat] : rows) data.headings.push_back(label);
  for (size_t i = 0; i < std::min(keys.size(), kMostSettings); ++i) {
    data.rows.push_back({TableCell::of(keys[i])});
    for (const auto& [label, flat] : rows) data.rows.back().push_back({Html::text(value_in(flat, keys[i])), "code"});
  }
  Html section = table(data);
  if (keys.size() > kMostSettings) {
    section +=
        element("p", {{"class", "soft"}},
                "The first " + std::to_string(kMostSettings) + " of " + std::to_string(keys.size()) + " settings.");
  }
  return section;
}

Html provenance(const Group& group) {
  Facts facts;
  size_t num_runs = 0;
  for (const auto& row : group.rows) {
    if (row.row->untrained) continue;
    for (size_t i = 0; i < row.runs.size(); ++i) {
      ++num_runs;
      const auto run = row.row->label + (row.runs[i]->seed ? ", seed " + std::to_string(*row.runs[i]->seed) : "");
      add_record(facts, row.records[i], run);
      facts.add("folder", row.runs[i]->source.string(), run);
    }
  }
  const auto data = facts.table(num_runs);
  return data.rows.empty() ? Html() : folded("versions, hashes, machines and folders", table(data));
}

}  // namespace peftlab::page
