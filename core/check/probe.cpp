#include "core/check/probe.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <set>

#include "core/check/trials.h"
#include "core/lab/merge.h"
#include "core/plugin/peft_config.h"

namespace peftlab::check {
namespace {

using plugin::PointKind;

constexpr std::pair<PointKind, const char*> kKinds[] = {{PointKind::kWeight, "matrices"},
                                                        {PointKind::kParameter, "parameters"},
                                                        {PointKind::kTable, "table"},
                                                        {PointKind::kVirtualTokens, "virtual tokens"},
                                                        {PointKind::kPrefix, "prefix"}};

std::vector<std::string> kinds_filled(Subject& subject) {
  std::set<PointKind> kinds;
  for (const auto& point : subject.method().filled()) kinds.insert(point.kind);
  std::vector<std::string> names;
  for (const auto& [kind, name] : kKinds) {
    if (kinds.contains(kind)) names.push_back(name);
  }
  return names;
}

bool can_be_merged(Subject& subject) {
  try {
    lab::merged_model(subject.decoder(), subject.set());
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

std::string peft_type_of(Subject& subject) {
  const auto config = subject.method().adapter("toy").config;
  const Value* type = config.find("peft_type");
  return type == nullptr || !type->is_text() || plugin::own_method(config) ? "" : type->text();
}

bool trains_on_quantised(const Trial& trial) {
  try {
    Subject subject(trial, {.quantised_base = true});
    subject.begin();
    Training(subject, mixed_sequences()).steps(/*count=*/1);
    return true;
  } catch (const std::exception&) {
    return false;  // it trains the matrix itself, or keeps it in another way of its own
  }
}

/// The first kind that takes the method; throws what the last one said when none does.
Trial first_trial(const plugin::MethodLibrary& library) {
  const auto options = completed(library, io::Json::object());
  const auto& models = toy_models();
  for (const auto& model : models) {
    Trial trial{library, options, &model, /*plain=*/true, model.name};
    try {
      Subject subject(trial);
      return trial;
    } catch (const ConfigError&) {
      if (&model == &models.back()) throw;
    }
  }
  throw ConfigError("there is no model to try it on");
}

}  // namespace

Probe probe_method(const plugin::MethodLibrary& library) {
  Probe probe;
  probe.reads_peft = library.entry->options_from_peft != nullptr;
  try {
    const auto trial = first_trial(library);
    Subject subject(trial);
    probe.model = trial.name;
    probe.fills = kinds_filled(subject);
    probe.mergeable = can_be_merged(subject);
    probe.peft_type = peft_type_of(subject);
    probe.on_quantised_base = trains_on_quantised(trial);
  } catch (const std::exception& error) {
    probe.failure = error.what();
  }
  return probe;
}

}  // namespace peftlab::check
