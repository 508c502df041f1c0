#include "peftlab/parts/low_rank_updates.h"

#include <set>

#include "core/parts/faults.h"
#include "core/plugin/json_value.h"
#include "peftlab/ops.h"
#include "peftlab/parts/peft_form.h"

namespace peftlab {
namespace {

constexpr const char* kInitField = "init_lora_weights";

// Starts of B A = 0 on the base as it is: the adapter's tensors are all there is to them. That of the name is the rows
// of one rotation, half of them in A and half in B.
bool is_orthogonal(const Value* init) { return init != nullptr && init->is_text() && init->text() == "orthogonal"; }

// Throws for a start that may have changed the base's weights, or is not known to leave them.
void check_peft_start(const Value* init, bool decomposes) {
  if (init == nullptr || init->is_null() || std::holds_alternative<bool>(init->data()) || is_orthogonal(init)) return;
  const auto text = init->is_text() ? init->text() : "";
  if (text == "gaussian" || (decomposes && (text == "pissa" || text == "olora" || text.starts_with("pissa_niter_"))))
    return;
  throw ConfigError(std::string("field '") + kInitField + "' of the adapter is " + plugin::to_json(*init).dump() +
                    ", which this method does not know; expected true, false, \"gaussian\"" +
                    (decomposes ? ", \"pissa\", \"pissa_niter_N\", \"olora\"" : "") + " or \"orthogonal\"");
}

}  // namespace

LowRankPoints::LowRankPoints(Options& options, bool with_parameters, bool with_table)
    : targets_(options, with_parameters, with_table), also_(options) {}

void LowRankPoints::fill(InjectionPoints& points, bool loads, const MakePatch& patch, const MakeTable& table,
                         const Check& check) {
  Faults faults;
  const bool all_found = fill_matrices(points, patch, faults);
  faults.keep([&] { fill_table(points, table); });
  if (all_found && check) faults.keep([&] { check(filled_); });
  faults.keep([&] { also_.fill(points, filled_, loads); }, "modules_to_save");
  faults.throw_if_any();
}

bool LowRankPoints::fill_matrices(InjectionPoints& points, const MakePatch& patch, Faults& faults) {
  std::vector<const FrozenLinear*> bases;
  faults.keep([&] { bases = targets_.matrices(points, also_.modules(), faults); });
  const bool all_found = faults.empty();
  std::set<std::string> kinds;
  for (const auto* base : bases) {
    filled_.push_back(base->name());
    fan_in_fan_out_ = fan_in_fan_out_ || (base->fan_in_fan_out() && !names_parameters());
    // Matrices of one name are of one size: beside a fault, one of each tells what more there is.
    const bool is_first = kinds.insert(last_part(base->name())).second;
    if (!faults.empty() && !is_first) continue;
    faults.keep([&] { points.fill_weight(*base, patch(*base, also_.bias_for(points, *base))); });
    if (base->layer() < 0) bases_.add(base->name(), base->weight());
  }
  return all_found;
}

void LowRankPoints::fill_table(InjectionPoints& points, const MakeTable& table) {
  if (!targets_.names_table(points)) return;
  const auto module = table_module(points);
  points.fill_table(table(module));
  filled_.push_back(module);
  bases_.add(module, kept_table(points));
}

void LowRankPoints::write(Fields& config) const {
  config.set("fan_in_fan_out", fan_in_fan_out_);
  also_.write(config);
  targets_.write(config, filled_);
}

std::vector<PeftName> LowRankPoints::fields(bool with_parameters) {
  auto names = AlsoTrained::fields();
  if (with_parameters) names.push_back({"target_parameters", "target_parameters"});
  return names;
}

LowRankUpdates::LowRankUpdates(Options& options, More more)
    : size_(options),
      dropout_(options.number("dropout", 0.0, "probability of dropping an input of A",
                              {.least = 0.0, .most = 1.0, .below = true})),
      takes_more_(more == More::kBiasAndParameters),
      lora_bias_(takes_more_ && options.flag("lora_bias", false, "B has a bias")),
      start_(options),
      points_(options, takes_more_) {
  if (!points_.names_parameters()) return;
  if (dropout_ > 0.0) options.mistake("dropout", "does not go with target_parameters, expected 0");
  if (lora_bias_) options.mistake("lora_bias", "does not go with target_parameters, expected false");
}

void LowRankUpdates::fill(InjectionPoints& points, bool loads, const MakePatch& patch, const MakeTable& table) {
  const auto of_matrix = [&](const FrozenLinear& base, const torch::Tensor& bias) {
    const auto [rank, scale] = size_.of(base.name());
    if (!loads) size_.check_rank_of(base);
    auto tensors = start_.tensors(points, base, rank, scale, lora_bias_, loads, points_.is_turned(base));
    tensors.base_bias = bias;
    return patch(base, tensors, scale);
  };
  const auto of_table = [&](const std::string& module) {
    const auto [rank, scale] = size_.of(module);
    const auto [a, b] = start_.table(points, module, rank, loads);
    return table(a, b, scale);
  };
  const auto check = [&](const std::vector<std::string>& modules) {
    if (!loads) size_.check_patterns(modules);
  };
  points_.fill(points, loads, of_matrix, of_table, check);
}

std::shared_ptr<LowRankPatch> LowRankUpdates::plain(const FrozenLinear& base, const LowRankTensors& tensors,
                                                    double scale) const {
  return std::make_shared<LowRankPatch>(tensors, scale, dropout_, salt_of(base.name()));
}

std::shared_ptr<TablePatch> LowRankUpdates::plain_table(const torch::Tensor& a, const torch::Tensor& b, double scale) {
  return std::make_shared<LowRankTable>(a, b, scale);
}

Fields LowRankUpdates::config(bool doubled) const {
  auto config = peft_fields("LORA");
  size_.write(config, doubled);
  config.set("lora_dropout", dropout_);
  if (takes_more_) config.set("lora_bias", lora_bias_);
  config.set(kInitField, doubled || lora_bias_ ? Value(true) : start_.peft_value());
  config.set("use_dora", false);
  points_.write(config);
  return config;
}

std::optional<Fields> options_from_lora_config(const Fields& config, bool dora, const std::vector<PeftName>& more) {
  const Value* is_dora = config.find("use_dora");
  const bool has_magnitudes = is_dora != nullptr && !is_dora->is_null() && is_dora->boolean();
  if (has_magnitudes != dora) return std::nullopt;
  std::vector<PeftName> known = {{"lora_dropout", "dropout"}, {kInitField, "init"}};
  for (const auto& fields : {LowRankSize::fields(), LowRankPoints::fields(/*with_parameters=*/!dora), more}) {
    known.insert(known.end(), fields.begin(), fields.end());
  }
  Faults faults;
  std::optional<Fields> options;
  faults.keep([&] {
    options = options_of_peft_type("LORA", config, known,
                                   {"use_dora", "fan_in_fan_out", "megatron_core", "qalora_group_size"});
  });
  if (!options && faults.empty()) return std::nullopt;
  const Value* init = config.find(kInitField);
  faults.keep([&] { check_peft_start(init, /*decomposes=*/!dora); });
  faults.throw_if_any();
  if (is_orthogonal(init)) options->set("init", true);
  if (options->find("targets") == nullptr) options->set("targets", List());
  return options;
}

}  // namespace peftlab
