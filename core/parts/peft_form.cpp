#include "peftlab/parts/peft_form.h"

#include <algorithm>
#include <cmath>

namespace peftlab {
namespace {

Targets every_linear_layer() {
  Targets targets;
  targets.all_linear = true;
  return targets;
}

}  // namespace

std::optional<Fields> options_of_peft_type(const std::string& peft_type, const Fields& config,
                                           const std::vector<PeftName>& renamed, const std::vector<std::string>& inert,
                                           const std::vector<PeftOnly>& only) {
  const Value* type = config.find("peft_type");
  if (type == nullptr || !type->is_text() || type->text() != peft_type) return std::nullopt;
  Fields rest;
  for (const auto& [field, value] : config.items()) {
    const bool usual = std::any_of(only.begin(), only.end(), [&got = field, &text = value](const PeftOnly& one) {
      return got == one.field && text.is_text() && text.text() == one.text;
    });
    if (!usual) rest.set(field, value);
  }
  return options_from_peft_fields(rest, renamed, inert);
}

void set_peft_targets_without(Fields& config, const std::vector<std::string>& lacking, const Targets& targets,
                              const std::vector<std::string>& filled) {
  const auto lacks = [&](const std::string& field) { return std::find(lacking.begin(), lacking.end(), field) != lacking.end(); };
  const bool inexpressible = (lacks("exclude_modules") && !targets.exclude.empty()) ||
                             (lacks("layers_to_transform") && !targets.layers.empty());
  Fields said;
  set_peft_targets(said, inexpressible ? every_linear_layer() : targets, filled);
  for (const auto& [field, value] : said.items()) {
    if (!lacks(field)) config.set(field, value);
  }
}

Value number_value(double number) {
  const bool whole = number == std::floor(number) && std::abs(number) < 9e15;
  return whole ? Value(static_cast<int64_t>(number)) : Value(number);
}

}  // namespace peftlab
