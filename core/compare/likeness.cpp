#include "core/compare/likeness.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "peftlab/error.h"

namespace peftlab::compare {
namespace {

constexpr size_t kHashShown = 12, kLongest = 60, kNamesShown = 3, kValuesShown = 4;

/// A hash is told by its first digits.
std::string shortened(const std::string& value) {
  if (value.empty()) return "not recorded";
  const bool hash =
      value.size() >= 32 && std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isxdigit(c); });
  if (hash) return value.substr(0, kHashShown);
  return value.size() <= kLongest ? value : value.substr(0, kLongest) + "...";
}

/// Gathers values by name, in the order in which they come.
class Gathering {
 public:
  void add(const Facts& facts, const std::string& run) {
    for (const auto& [what, value] : facts) {
      auto [place, is_new] = places_.try_emplace(what, all_.size());
      if (is_new) all_.push_back({{what, {}}, {}});
      auto& [entry, known] = all_[place->second];
      auto [at, first] = known.try_emplace(value, entry.values.size());
      if (first) entry.values.push_back({value, {}});
      auto& names = entry.values[at->second].second;
      if (names.empty() || names.back() != run) names.push_back(run);
    }
  }

  std::vector<Disagreement> different() {
    std::vector<Disagreement> result;
    for (auto& [entry, known] : all_) {
      if (entry.values.size() > 1) result.push_back(std::move(entry));
    }
    return result;
  }

 private:
  std::vector<std::pair<Disagreement, std::unordered_map<std::string, size_t>>> all_;
  std::unordered_map<std::string, size_t> places_;
};

/// Which items they were is known of finished runs alone.
Facts items_of(const Run& run) {
  Facts facts;
  for (const auto& [split, score] : run.splits) {
    if (!score.items.empty()) facts.emplace_back("items of " + split, score.items);
  }
  return facts;
}

std::string key_of(const Run& run) {
  std::string key;
  for (const auto& [name, value] : run.must_agree) key += name + '\n' + value + '\n';
  return key;
}

}  // namespace

std::vector<Disagreement> unlike(const std::vector<Run>& runs) {
  Gathering gathering;
  for (const auto& run : runs) gathering.add(run.must_agree, run.name);
  for (const auto& run : runs) gathering.add(items_of(run), run.name);
  return gathering.different();
}

std::vector<Disagreement> mixed(const std::vector<Run>& runs) {
  Gathering gathering;
  for (const auto& run : runs) gathering.add(run.circumstances, run.name);
  return gathering.different();
}

std::string described(const Disagreement& disagreement) {
  std::string text = disagreement.what + ": ";
  for (size_t i = 0; i < std::min(disagreement.values.size(), kValuesShown); ++i) {
    const auto& [value, names] = disagreement.values[i];
    text += (i ? ", " : "") + shortened(value) + " (";
    for (size_t k = 0; k < std::min(names.size(), kNamesShown); ++k) text += (k ? ", " : "") + names[k];
    if (names.size() > kNamesShown) text += " and " + std::to_string(names.size() - kNamesShown) + " more";
    text += ")";
  }
  if (disagreement.values.size() > kValuesShown)
    text += " and " + std::to_string(disagreement.values.size() - kValuesShown) + " other values";
  return text;
}

void require_alike(const std::vector<Run>& runs) {
  const auto differences = unlike(runs);
  if (differences.empty()) return;
  std::string message = "these runs are not alike and would not be compared fairly in one table";
  for (const auto& difference : differences) message += "\n  " + described(difference);
  throw ConfigError(message + "\ngive runs that agree in these, or --by group for a table of each kind");
}

std::vector<std::vector<Run>> split_alike(std::vector<Run> runs) {
  std::vector<std::vector<Run>> groups;
  std::unordered_map<std::string, size_t> by_facts;
  std::unordered_map<std::string, std::string> items_of_group;  // group and split -> items
  std::vector<Run> silent;
  for (auto& run : runs) {
    if (run.must_agree.empty()) {
      silent.push_back(std::move(run));
      continue;
    }
    // The first variant whose items are not others is this run's group.
    std::string key = key_of(run);
    for (const auto& [split, items] : items_of(run)) {
      while (items_of_group.try_emplace(key + split, items).first->second != items) key += "other " + split + '\n';
    }
    const auto [place, is_new] = by_facts.try_emplace(key, groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(std::move(run));
  }
  if (groups.empty()) groups.emplace_back();
  for (auto& run : silent) groups.front().push_back(std::move(run));
  return groups;
}

}  // namespace peftlab::compare
