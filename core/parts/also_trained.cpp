#include "peftlab/parts/also_trained.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cctype>

#include "peftlab/parts/token_rows.h"
#include "peftlab/parts/whole_table.h"
#include "peftlab/peft.h"

namespace peftlab {
namespace {

constexpr const char* kTokens = "trainable_token_indices";

Targets every_module() {
  Targets targets;
  targets.regex = ".*";
  return targets;
}

torch::Tensor trained_copy(const InjectionPoints& points, const torch::Tensor& frozen) {
  return frozen.detach().to(points.trainable_type(), /*non_blocking=*/false, /*copy=*/true);
}

std::string module_of(const FrozenParameter& parameter) {
  return parameter.name().substr(0, parameter.name().rfind('.'));
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A module whose path ends in `name`, whether or not a dot stands before it, and all modules below it.
std::string pattern_of(const std::string& name) {
  std::string escaped;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') escaped += '\\';
    escaped += c;
  }
  return ".*" + escaped + "(\\..*)?";
}

/// What PEFT means by a name. Throws ConfigError that shows the name, not the pattern made of it.
std::vector<const FrozenParameter*> ending_in(const InjectionPoints& points, const std::string& name) {
  Targets wanted;
  wanted.regex = pattern_of(name);
  try {
    return points.parameters(wanted);
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError& error) {
    std::string message = error.what();
    const auto at = message.find(wanted.regex);
    throw ConfigError(at == std::string::npos ? message : message.replace(at, wanted.regex.size(), name));
  }
}

void fill_whole(InjectionPoints& points, const FrozenParameter& base) {
  if (points.shape().tied_head && base.name() == table_module(points) + ".weight")
    points.fill_table(std::make_shared<WholeTable>(trained_copy(points, base.value())));
  else
    points.fill_parameter(base, std::make_shared<ParameterPatch>(base));
}

}  // namespace

AlsoTrained::AlsoTrained(Options& options)
    : bias_(options.choice("bias", "none", {"none", "lora_only", "all"}, "which biases of the model are trained too")),
      modules_(options.texts("modules_to_save", {}, "modules that are trained whole")) {
  read_tokens(options);
}

void AlsoTrained::read_tokens(Options& options) {
  tokens_ = options.any(kTokens,
                        "token ids whose rows of the embedding table are trained, or an object that names the table");
  if (tokens_.is_null()) return;
  const bool named = tokens_.is_fields() && tokens_.fields().items().size() == 1;
  if (named) token_module_ = tokens_.fields().items().front().first;
  const auto ids = token_ids_in(named ? tokens_.fields().items().front().second : tokens_);
  if (ids)
    token_ids_ = *ids;
  else
    options.mistake(
        kTokens,
        "expected a list of distinct token ids, or an object that has one under the name of the embedding table");
}

torch::Tensor AlsoTrained::bias_for(const InjectionPoints& points, const FrozenLinear& base) const {
  if (bias_ == "none" || !base.bias().defined()) return {};
  return trained_copy(points, base.bias());
}

void AlsoTrained::fill(InjectionPoints& points, const std::vector<std::string>& filled, bool loads) {
  for (const auto* base : whole(points, loads)) {
    fill_whole(points, *base);
    if (const auto module = module_of(*base); !contains(whole_, module)) whole_.push_back(module);
  }
  if (bias_ == "all") fill_biases(points, filled);
  if (!token_ids_.empty()) fill_tokens(points, filled);
}

std::vector<const FrozenParameter*> AlsoTrained::whole(const InjectionPoints& points, bool loads) const {
  if (modules_.empty()) return {};
  if (!loads) {
    Targets wanted;
    wanted.names = modules_;
    return points.parameters(wanted);
  }
  std::vector<const FrozenParameter*> found;
  for (const auto& name : modules_) {
    for (const auto* parameter : ending_in(points, name)) {
      if (std::find(found.begin(), found.end(), parameter) == found.end()) found.push_back(parameter);
    }
  }
  return found;
}

void AlsoTrained::fill_biases(InjectionPoints& points, const std::vector<std::string>& filled) const {
  for (const auto* parameter : points.parameters(every_module())) {
    const auto module = module_of(*parameter);
    if (!parameter->name().ends_with(".bias") || is_named(module, filled) || contains(whole_, module)) continue;
    points.fill_parameter(*parameter, std::make_shared<ParameterPatch>(*parameter));
  }
}

void AlsoTrained::fill_tokens(InjectionPoints& points, const std::vector<std::string>& filled) const {
  const auto module = table_module(points);
  if (!token_module_.empty() && !is_named(module, {token_module_})) {
    throw ConfigError(std::string(kTokens) + ": '" + token_module_ +
                      "' is not the embedding table, whose rows alone can be trained; expected '" + module + "'");
  }
  if (contains(whole_, module) || contains(filled, module)) {
    throw ConfigError(std::string(kTokens) + ": '" + module +
                      "' is trained already, as a target or in modules_to_save; expected one of them");
  }
  check_token_ids(token_ids_, points, kTokens);
  const auto table = kept_table(points);
  const auto ids = torch::tensor(token_ids_, torch::kInt64).to(table.device());
  points.fill_table(
      std::make_shared<TokenRows>(token_ids_, table.index_select(0, ids).to(points.trainable_type()), /*nested=*/true));
}

void AlsoTrained::write(Fields& config) const {
  config.set("bias", bias_);
  const auto& names = whole_.empty() ? modules_ : whole_;
  config.set("modules_to_save", names.empty() ? Value(nullptr) : Value(names));
  config.set(kTokens, tokens_);
}

std::vector<PeftName> AlsoTrained::fields() {
  return {{"bias", "bias"}, {"modules_to_save", "modules_to_save"}, {kTokens, kTokens}};
}

}  // namespace peftlab
