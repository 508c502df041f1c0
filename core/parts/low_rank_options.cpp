#include "peftlab/parts/low_rank_options.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "core/parts/faults.h"
#include "peftlab/parts/default_targets.h"
#include "peftlab/parts/peft_form.h"

namespace peftlab {
namespace {

constexpr int64_t kMostRank = 65536;

Targets all_linear() {
  Targets targets;
  targets.all_linear = true;
  return targets;
}

// Whether a module of that name is one of those that are named, or stands below one.
bool is_below(const std::string& module, const std::vector<std::string>& names) {
  const auto path = "." + module + ".";
  return std::ranges::any_of(names, [&](const auto& name) { return path.find("." + name + ".") != std::string::npos; });
}

Fields scaled(const Fields& fields, double factor) {
  Fields result;
  for (const auto& [name, value] : fields.items()) result.set(name, number_value(value.number() * factor));
  return result;
}

}  // namespace

void check_rank(const FrozenLinear& base, int64_t rank, const std::string& option) {
  const int64_t most = std::min(base.in(), base.out());
  if (rank <= most) return;
  throw ConfigError(option + ": " + std::to_string(rank) + " is above that of '" + base.name() + "', a matrix of " +
                    std::to_string(base.out()) + " x " + std::to_string(base.in()) + "; expected at most " +
                    std::to_string(most) +
                    (option == "rank" ? ", which rank_pattern can say for this module alone" : ""));
}

LowRankSize::LowRankSize(Options& options, const LowRankWords& words)
    : words_(words),
      rank_(options.integer("rank", 8, words.rank, {.least = 1, .most = static_cast<double>(kMostRank)})),
      alpha_(options.number("alpha", 8.0, "the update is scaled by alpha / rank")),
      rslora_(words.has_rslora && options.flag("rslora", false, "scale by alpha / sqrt(rank) instead")),
      ranks_(options, "rank_pattern", "ranks by regular expressions on module names", /*integers_to=*/kMostRank),
      alphas_(options, "alpha_pattern", "alphas by regular expressions on module names") {}

LowRankSize::Of LowRankSize::of(const std::string& module) const {
  const double rank = ranks_.at(module, static_cast<double>(rank_));
  return {static_cast<int64_t>(rank), alphas_.at(module, alpha_) / (rslora_ ? std::sqrt(rank) : rank)};
}

void LowRankSize::write(Fields& config, bool doubled) const {
  const double ranks = doubled ? 2.0 : 1.0;
  const double alphas = rslora_ ? std::sqrt(ranks) : ranks;
  config.set("r", static_cast<int64_t>(ranks) * rank_);
  config.set(words_.alpha_field, number_value(alphas * alpha_));
  if (words_.has_rslora) config.set("use_rslora", rslora_);
  config.set("rank_pattern", scaled(ranks_.fields(), ranks));
  config.set("alpha_pattern", scaled(alphas_.fields(), alphas));
}

std::vector<PeftName> LowRankSize::fields(const LowRankWords& words) {
  std::vector<PeftName> names = {{"r", "rank"},
                                 {words.alpha_field, "alpha"},
                                 {"rank_pattern", "rank_pattern"},
                                 {"alpha_pattern", "alpha_pattern"}};
  if (words.has_rslora) names.push_back({"use_rslora", "rslora"});
  return names;
}

LowRankTargets::LowRankTargets(Options& options, bool with_parameters, bool with_table) {
  if (with_parameters)
    parameters_ = options.texts("target_parameters", {}, "weights to fill, named as parameters (\"q_proj.weight\")");
  for (const auto& name : parameters_) {
    if (!name.ends_with(".weight"))
      options.mistake("target_parameters", "expected a name that ends in '.weight', got '" + name + "'");
  }
  const std::string table = with_table ? ", and the embedding table where it is named" : "";
  targets_ = options.targets("targets", parameters_.empty() ? all_linear() : Targets(),
                             "which matrices are filled" + table + "; []: query and value");
}

bool LowRankTargets::is_turned(const FrozenLinear& base) const {
  return base.fan_in_fan_out() && is_named(base.name() + ".weight", parameters_);
}

bool LowRankTargets::names_table(const InjectionPoints& points) const {
  const auto table = table_module(points);
  return is_named(table, targets_.names) && !is_named(table, targets_.exclude) && targets_.layers.empty();
}

std::vector<const FrozenLinear*> LowRankTargets::matrices(const InjectionPoints& points,
                                                          const std::vector<std::string>& left_out,
                                                          Faults& faults) const {
  const auto table = table_module(points);
  auto targets = parameters_.empty() ? targets_or_known(targets_, query_value_modules(), points.shape()) : targets_;
  std::erase_if(targets.names, [&](const std::string& name) { return is_named(table, {name}); });
  if (!targets.regex.empty() && std::regex_match(table, std::regex(targets.regex))) {
    throw ConfigError("targets: the regular expression matches the embedding table '" + table +
                      "'; name it in a list instead, or leave it out of the expression");
  }
  for (const auto& name : parameters_) targets.names.push_back(name.substr(0, name.rfind('.')));
  if (targets.names.empty() && targets.regex.empty() && !targets.all_linear) return {};
  auto chosen = found_weights(points, targets, faults);
  std::erase_if(chosen, [&](const auto* base) { return is_below(base->name(), left_out); });
  return chosen;
}

void LowRankTargets::write(Fields& config, const std::vector<std::string>& filled) const {
  config.set("target_parameters", parameters_.empty() ? Value(nullptr) : Value(parameters_));
  const bool by_default =
      parameters_.empty() && !targets_.all_linear && targets_.regex.empty() && targets_.names.empty();
  set_peft_targets(config, by_default ? all_linear() : targets_, filled);
}

}  // namespace peftlab
