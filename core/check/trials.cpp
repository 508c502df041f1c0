#include "core/check/trials.h"

#include <algorithm>

namespace peftlab::check {
namespace {

constexpr double kSomeProbability = 0.25;

std::vector<std::string> mistakes_of(const plugin::MethodLibrary& library, const io::Json& options) {
  const auto document = io::parse_json(io::Json{{"method", options}}.dump(), "check");
  io::Mistakes mistakes;
  plugin::create_method(library, document, "/method", mistakes);
  return mistakes.lines();
}

bool is_about(const std::vector<std::string>& lines, const std::string& key) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& line) { return line.find(": /method/" + key + ":") != std::string::npos; });
}

/// Things the option may be; of an option that may be anything, one of each kind.
std::vector<io::Json> some_values(const io::Declared& option) {
  const io::Json integers = io::Json::array({3, 5, 7}), text = "the answer is";
  if (!option.choices.empty()) return {option.choices.front()};
  if (option.type == "integer") return {static_cast<int64_t>(std::clamp(4.0, option.range.least, option.range.most))};
  if (option.type == "number") return {std::clamp(0.5, option.range.least, option.range.most)};
  if (option.type == "string") return {text};
  if (option.type == "array of integers") return {integers};
  if (option.type == "any") return {integers, 4, text, true};
  return {};
}

/// The values to try beside the one that stands.
std::vector<io::Json> other_values(const io::Declared& option) {
  std::vector<io::Json> values;
  if (option.type == "boolean" && option.fallback.is_boolean()) values.push_back(!option.fallback.get<bool>());
  for (const auto& choice : option.choices) {
    if (option.fallback != choice) values.push_back(choice);
  }
  const bool probability =
      option.type == "number" && option.range.least == 0 && option.range.most == 1 && option.fallback == 0;
  if (probability) values.push_back(kSomeProbability);
  return values;
}

/// Why the model or the method refuses the trial; "" when they take it. A fault of the method with an option varied is
/// for the promises to find.
std::string refusal(const Trial& trial) {
  try {
    Subject subject(trial);
    subject.begin();
  } catch (const PluginError&) {
    if (trial.plain) throw;
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

void try_models(Trials& trials, const plugin::MethodLibrary& library, const io::Json& options,
                const std::vector<std::string>& names) {
  for (const auto& model : toy_models()) {
    if (!names.empty() && std::find(names.begin(), names.end(), model.name) == names.end()) continue;
    Trial trial{library, options, &model, /*plain=*/true, model.name};
    const auto reason = refusal(trial);
    if (reason.empty())
      trials.tried.push_back(std::move(trial));
    else
      trials.refused.push_back(std::string(model.name) + ": " + reason);
  }
}

void vary(Trials& trials, const io::Json& given) {
  const Trial first = trials.tried.front();
  for (const auto& option : plugin::declared_options(first.library)) {
    if (given.contains(option.key)) continue;
    for (const auto& value : other_values(option)) {
      Trial trial = first;
      trial.options[option.key] = value;
      trial.plain = false;
      trial.name = std::string(first.model->name) + " with " + option.key + "=" +
                   (value.is_string() ? value.get<std::string>() : value.dump());
      const auto reason = refusal(trial);
      if (reason.empty())
        trials.tried.push_back(std::move(trial));
      else
        trials.refused.push_back(trial.name + ": " + reason);
    }
  }
}

}  // namespace

io::Json completed(const plugin::MethodLibrary& library, const io::Json& given) {
  auto options = given;
  const auto mistakes = mistakes_of(library, given);
  for (const auto& option : plugin::declared_options(library)) {
    if (given.contains(option.key) || !is_about(mistakes, option.key)) continue;
    for (const auto& value : some_values(option)) {
      auto more = options;
      more[option.key] = value;
      if (is_about(mistakes_of(library, more), option.key)) continue;
      options = std::move(more);
      break;
    }
  }
  return options;
}

Trials trials_of(const plugin::MethodLibrary& library, const io::Json& given, const std::vector<std::string>& models) {
  for (const auto& name : models) toy_model(name);
  const auto options = completed(library, given);
  create({library, options, nullptr, true, ""});
  Trials trials;
  try_models(trials, library, options, models);
  if (trials.tried.empty()) {
    std::string reasons;
    for (const auto& reason : trials.refused) reasons += "\n  " + reason;
    throw ConfigError("method '" + std::string(library.entry->name) +
                      "' can be tried on no model; give the options it needs with --set:" + reasons);
  }
  vary(trials, given);
  return trials;
}

}  // namespace peftlab::check
