// `peftlab methods`: the methods there are, what was refused, and one method's options.
#include <cmath>
#include <iostream>
#include <map>

#include "core/check/probe.h"
#include "core/cli/columns.h"
#include "core/cli/commands.h"
#include "core/data/report/report_text.h"
#include "core/plugin/created.h"

namespace peftlab::cli {
namespace {

constexpr int kMethodColumn = 20, kDetailColumn = 6, kKeyColumn = 22, kFactColumn = 12;

struct MethodsOptions {
  std::string name;
  bool json = false;
};

std::string shown_number(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? std::to_string(static_cast<int64_t>(value))
                                                              : io::Json(value).dump();
}

/// "1 to 65536", "above 0", "at least 0 and below 1"; "" where anything goes.
std::string range_of(const io::Declared& option) {
  constexpr double kAnything = 1e300;
  const auto& r = option.range;
  const bool least = r.least > -kAnything, most = r.most < kAnything;
  if (least && most && !r.above && !r.below) return shown_number(r.least) + " to " + shown_number(r.most);
  std::string text;
  if (least) text = (r.above ? "above " : "at least ") + shown_number(r.least);
  if (most) text += (text.empty() ? "" : " and ") + std::string(r.below ? "below " : "at most ") + shown_number(r.most);
  return text;
}

io::Json option_json(const io::Declared& option) {
  io::Json json = {{"key", option.key}, {"type", option.type}, {"about", option.about}, {"required", option.required}};
  json["default"] = option.required ? io::Json(nullptr) : option.fallback;
  if (!range_of(option).empty()) json["range"] = range_of(option);
  if (!option.choices.empty()) json["choices"] = option.choices;
  return json;
}

io::Json method_json(const plugin::MethodLibrary& library) {
  const auto& entry = *library.entry;
  const auto probe = check::probe_method(library);
  io::Json json = {{"name", entry.name},
                   {"title", entry.title},
                   {"paper", entry.paper},
                   {"fills", probe.fills},
                   {"starts_as_identity", entry.starts_as_identity},
                   {"mergeable", probe.mergeable},
                   {"peft_type", probe.peft_type.empty() ? io::Json(nullptr) : io::Json(probe.peft_type)},
                   {"reads_peft", probe.reads_peft},
                   {"on_quantised_base", probe.on_quantised_base},
                   {"tried_on", probe.model},
                   {"path", library.path.string()},
                   {"sha256", library.sha256}};
  if (!probe.failure.empty()) json["not_tried"] = probe.failure;
  return json;
}

std::string start_of(const MethodEntry& entry) {
  return entry.starts_as_identity ? "equal to the base model" : "differs from the base model before the first step";
}

std::string peft_of(const check::Probe& probe) {
  if (probe.peft_type.empty()) return "has no such method";
  return probe.peft_type + (probe.reads_peft ? ", written and read" : ", written only");
}

/// What the list says of a method below title and paper.
std::string traits_of(const plugin::MethodLibrary& library) {
  const auto probe = check::probe_method(library);
  if (!probe.failure.empty()) return "could not be tried: " + probe.failure;
  std::vector<std::string> traits = {"fills " + joined(probe.fills)};
  traits.push_back(library.entry->starts_as_identity ? "starts as the base model" : "starts elsewhere");
  traits.push_back(probe.mergeable ? "merges" : "does not merge");
  traits.push_back(probe.peft_type.empty() ? "not in PEFT" : "PEFT " + probe.peft_type);
  traits.push_back(probe.on_quantised_base ? "quantised bases too" : "dense bases only");
  return joined(traits);
}

void print_refused(const std::vector<plugin::RefusedLibrary>& list) {
  if (list.empty()) return;
  std::cout << "refused:\n";
  for (const auto& refused : list) {
    const std::string path = refused.path.string();
    std::string reason = refused.reason;
    if (reason.starts_with(path + ": ")) reason = reason.substr(path.size() + 2);
    std::cout << "  " << path << "\n";
    print_column("", 4, reason);
  }
}

void print_list(const plugin::MethodList& list) {
  std::map<std::string, std::vector<const plugin::MethodLibrary*>> by_folder;
  for (const auto& library : list.found) by_folder[library.path.parent_path().string()].push_back(&library);
  if (by_folder.empty()) std::cout << "no method was found\n";
  for (const auto& [folder, libraries] : by_folder) {
    std::cout << folder << "\n";
    for (const auto* library : libraries) {
      print_column("  " + std::string(library->entry->name) + " ", kMethodColumn, library->entry->title);
      print_column("", kDetailColumn, library->entry->paper);
      print_column("", kDetailColumn, traits_of(*library));
    }
  }
  print_refused(list.refused);
}

int show_all(const MethodsOptions& o) {
  const auto list = plugin::list_methods();
  if (!o.json) {
    print_list(list);
    return kDone;
  }
  io::Json found = io::Json::array(), refused = io::Json::array();
  for (const auto& library : list.found) found.push_back(method_json(library));
  for (const auto& one : list.refused) refused.push_back({{"path", one.path.string()}, {"reason", one.reason}});
  std::cout << io::Json{{"methods", found}, {"refused", refused}}.dump(2) << "\n";
  return kDone;
}

void print_option(const io::Declared& option) {
  std::string value = option.required             ? "required"
                      : option.fallback.is_null() ? "not set"
                                                  : "default " + option.fallback.dump();
  std::string allowed = option.choices.empty() ? range_of(option) : joined(option.choices);
  print_column("  " + option.key, kKeyColumn, option.type + ", " + value + (allowed.empty() ? "" : "; " + allowed));
  print_column("", kKeyColumn, option.about);
}

void print_facts(const plugin::MethodLibrary& library) {
  const auto& entry = *library.entry;
  const auto probe = check::probe_method(library);
  print_column(entry.name + std::string(": "), static_cast<int>(std::string(entry.name).size()) + 2, entry.title);
  print_column("paper", kFactColumn, entry.paper);
  print_column("start", kFactColumn, start_of(entry));
  if (probe.failure.empty()) {
    print_column("fills", kFactColumn, joined(probe.fills));
    print_column("merging", kFactColumn, probe.mergeable ? "into the model's weights" : "not possible");
    print_column("PEFT", kFactColumn, peft_of(probe));
    print_column("bases", kFactColumn, probe.on_quantised_base ? "dense and quantised" : "dense");
  } else {
    print_column("not tried", kFactColumn, probe.failure);
  }
  print_column("found in", kFactColumn, library.path.string());
}

int show_one(const MethodsOptions& o) {
  const auto library = plugin::find_method(o.name);
  const auto options = plugin::declared_options(library);
  if (o.json) {
    auto json = method_json(library);
    json["options"] = io::Json::array();
    for (const auto& option : options) json["options"].push_back(option_json(option));
    std::cout << json.dump(2) << "\n";
    return kDone;
  }
  print_facts(library);
  std::cout << (options.empty() ? "it has no options\n" : "options\n");
  for (const auto& option : options) print_option(option);
  return kDone;
}

}  // namespace

void add_methods(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("methods", "List the methods there are, or show one with its options");
  auto o = std::make_shared<MethodsOptions>();
  verb->add_option("name", o->name, "a method; without it, all of them and what was refused");
  verb->add_flag("--json", o->json, "print one JSON object");
  set_example(*verb, "peftlab methods lora");
  verb->callback([o, &action] { action = [o] { return o->name.empty() ? show_all(*o) : show_one(*o); }; });
}

}  // namespace peftlab::cli
