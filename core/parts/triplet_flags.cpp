// TripletFlags of include/peftlab/parts/rank_budget.h.
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "peftlab/parts/rank_budget.h"

namespace peftlab {
namespace {

constexpr const char* kEnd = ".lora_E";

}  // namespace

TripletFlags::TripletFlags(Options& options, int64_t num_first) : num_first_(num_first) {
  const auto value =
      options.any("rank_pattern", "of an adapter that is read: which of its first triplets each matrix has");
  if (value.is_null()) return;
  try {
    for (const auto& [name, list] : value.fields().items()) {
      Flags flags;
      for (const auto& flag : list.list()) flags.push_back(flag.boolean());
      if (!name.ends_with(kEnd) || static_cast<int64_t>(flags.size()) != num_first) {
        options.mistake("rank_pattern", "expected init_rank flags under a name that ends in '.lora_E', got " +
                                            std::to_string(flags.size()) + " under '" + name + "'");
      }
      read_.emplace_back(name.substr(0, name.rfind('.')), flags);
    }
  } catch (const ConfigError& error) {
    options.mistake("rank_pattern", error.what());
  }
}

TripletFlags::Flags TripletFlags::of(const std::string& module) const {
  const auto found = std::ranges::find(read_, module, [](const auto& one) { return one.first; });
  return found == read_.end() ? Flags(static_cast<size_t>(num_first_), true) : found->second;
}

int64_t TripletFlags::rank(const std::string& module) const {
  const auto flags = of(module);
  return std::count(flags.begin(), flags.end(), true);
}

Value TripletFlags::value(const RankBudget& budget) const {
  if (!given() && !budget.has_pruned()) return nullptr;
  Fields pattern;
  for (const auto& [module, patch] : budget.matrices()) {
    auto flags = of(module);
    const auto used = patch->used().to(torch::kCPU);
    int64_t at = 0;
    for (size_t i = 0; i < flags.size(); ++i) {
      if (flags[i]) flags[i] = used[at++].item<bool>();
    }
    pattern.set(module + kEnd, List(flags.begin(), flags.end()));
  }
  return pattern;
}

}  // namespace peftlab
