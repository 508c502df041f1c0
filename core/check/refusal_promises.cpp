// What a method must say no to.
#include <algorithm>

#include "core/check/promise.h"

namespace peftlab::check {
namespace {

constexpr char kNoModule[] = "no_such_module";

/// What the ConfigError says; "" when nothing is thrown. A PluginError is a fault of the method and goes on.
template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

/// A value that the option cannot take; null where any value may be right.
io::Json wrong_value(const io::Declared& option) {
  if (!option.choices.empty()) return "no such choice";
  if (option.type == "integer" || option.type == "number" || option.type == "boolean" ||
      option.type == "array of integers")
    return "no number";
  if (option.type == "string" || option.type == "array of strings" || option.type == "object of numbers" ||
      option.type == "targets" || option.type == "names or regular expression") {
    return 7;
  }
  return nullptr;
}

/// Just outside the range; null where there is none.
io::Json value_out_of_range(const io::Declared& option) {
  const bool whole = option.type == "integer";
  if (!whole && option.type != "number") return nullptr;
  const auto as_json = [&](double value) { return whole ? io::Json(static_cast<int64_t>(value)) : io::Json(value); };
  if (std::abs(option.range.least) < 1e15)
    return as_json(option.range.above ? option.range.least : option.range.least - 1);
  if (std::abs(option.range.most) < 1e15)
    return as_json(option.range.below ? option.range.most : option.range.most + 1);
  return nullptr;
}

std::vector<std::string> mistakes_of(const Trial& trial, const io::Json& options) {
  const auto document = io::parse_json(io::Json{{"method", options}}.dump(), "check");
  io::Mistakes mistakes;
  plugin::create_method(trial.library, document, "/method", mistakes);
  return mistakes.lines();
}

int64_t num_about(const std::vector<std::string>& lines, const std::string& key) {
  const std::string pointer = ": /method/" + key;
  return std::count_if(lines.begin(), lines.end(), [&](const auto& line) {
    const auto at = line.find(pointer);
    return at != std::string::npos && (line[at + pointer.size()] == ':' || line[at + pointer.size()] == '/');
  });
}

void demand_one_each(Finding& finding, const Trial& trial, const io::Json& options,
                     const std::vector<std::string>& keys, const std::string& kind) {
  const auto lines = mistakes_of(trial, options);
  for (const auto& key : keys) {
    const auto count = num_about(lines, key);
    finding.demand(count == 1,
                   "option '" + key + "' given " + kind + " gets " + std::to_string(count) + " messages, expected one");
  }
}

}  // namespace

Finding refuses_what_a_base_lacks(const Trial& trial) {
  Finding finding;
  if (!trial.plain) {
    finding.leave("only of the options asked for");
    return finding;
  }
  for (const auto& option : plugin::declared_options(trial.library)) {
    if (option.type != "targets") continue;
    Trial wrong = trial;
    wrong.options[option.key] = io::Json::array({kNoModule});
    const auto said = refusal([&] { Subject subject(wrong); });
    finding.demand(said.find(kNoModule) != std::string::npos,
                   "option '" + option.key + "' names a module that there is not: " +
                       (said.empty() ? "nothing is said" : "the message does not name it: " + said));
  }
  int64_t num_refused = 0;
  const auto created = create(trial);
  const auto said = refusal([&] {
    Subject subject(trial, {.refusing = true});
    num_refused = subject.points().num_refused();
  });
  finding.demand(!said.empty() || num_refused == 0,
                 "finds none of the modules it asks for, and goes on with something else");
  return finding;
}

Finding tells_wrong_options(const Trial& trial) {
  Finding finding;
  if (!trial.plain) {
    finding.leave("only of the options asked for");
    return finding;
  }
  io::Json all = {{"no_such_option", 1}}, outside = io::Json::object();
  std::vector<std::string> keys = {"no_such_option"}, ranged;
  for (const auto& option : plugin::declared_options(trial.library)) {
    if (const auto value = wrong_value(option); !value.is_null()) {
      auto options = trial.options;
      options[option.key] = value;
      demand_one_each(finding, trial, options, {option.key}, "a wrong value");
      all[option.key] = value;
      keys.push_back(option.key);
    }
    if (const auto value = value_out_of_range(option); !value.is_null()) {
      outside[option.key] = value;
      ranged.push_back(option.key);
    }
  }
  demand_one_each(finding, trial, all, keys, "a wrong value beside others");
  demand_one_each(finding, trial, outside, ranged, "a value out of range");
  return finding;
}

}  // namespace peftlab::check
