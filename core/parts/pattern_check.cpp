// What is wrong with ranks, and with patterns of ranks and alphas, on a model.
#include <set>

#include "core/io/json.h"
#include "core/parts/faults.h"
#include "peftlab/parts/low_rank_options.h"

namespace peftlab {
namespace {

void add_unmatched(Faults& faults, const char* option, const NumberPattern& pattern,
                   const std::vector<std::string>& modules) {
  std::set<std::string> filled;
  for (const auto& module : modules) filled.insert(last_part(module));
  std::string list;
  for (const auto& name : filled) list += (list.empty() ? "" : ", ") + name;
  for (const auto& key : pattern.unmatched(modules)) {
    const auto near = io::nearest(key, {filled.begin(), filled.end()});
    faults.add(std::string(option) + ": '" + key + "' matches none of the modules that are filled" +
               (near.empty() ? "" : "; did you mean '" + near + "'?") + "; they are: " + list);
  }
}

}  // namespace

void LowRankSize::check_rank_of(const FrozenLinear& base) const {
  constexpr double kNone = 0.0;
  const bool by_pattern = ranks_.at(base.name(), kNone) != kNone;
  check_rank(base, of(base.name()).rank, by_pattern ? "rank_pattern" : "rank");
}

void LowRankSize::check_patterns(const std::vector<std::string>& modules) const {
  Faults faults;
  add_unmatched(faults, "rank_pattern", ranks_, modules);
  add_unmatched(faults, "alpha_pattern", alphas_, modules);
  faults.throw_if_any();
}

}  // namespace peftlab
