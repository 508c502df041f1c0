// `peftlab methods`: the methods there are, what was refused, and one method's options.
#include <cmath>
#include <iostream>
#include <map>

#include "core/cli/commands.h"
#include "core/data/report_text.h"
#include "core/lab/method_probe.h"
#include "core/plugin/created.h"

namespace peftlab::cli {
namespace {

constexpr int kWidth = 80, kNameColumn = 16, kFillsColumn = 20;

struct Options {
  std::string name;
  bool json = false;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// `text` from `column` on, going on below itself.
void print_column(const std::string& head, int column, const std::string& text) {
  std::cout << data::left(head, column);
  size_t used = 0;
  const size_t room = static_cast<size_t>(kWidth - column);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (used > 0 && used + 1 + word.size() > room) {
      std::cout << "\n" << std::string(static_cast<size_t>(column), ' ');
      used = 0;
    }
    std::cout << (used > 0 ? " " : "") << word;
    used += word.size() + (used > 0 ? 1 : 0);
  }
  std::cout << "\n";
}

std::string shown_number(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? std::to_string(static_cast<int64_t>(value)) : io::Json(value).dump();
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
  return {{"name", entry.name},
          {"title", entry.title},
          {"paper", entry.paper},
          {"fills", lab::filled_by_default(library)},
          {"starts_as_identity", entry.starts_as_identity},
          {"reads_peft", entry.options_from_peft != nullptr},
          {"path", library.path.string()},
          {"sha256", library.sha256}};
}

std::string fills_of(const plugin::MethodLibrary& library) {
  const auto kinds = lab::filled_by_default(library);
  return kinds.empty() ? "by its options" : joined(kinds);
}

void print_table(const plugin::MethodList& list) {
  std::map<std::string, std::vector<const plugin::MethodLibrary*>> by_folder;
  for (const auto& library : list.found) by_folder[library.path.parent_path().string()].push_back(&library);
  if (by_folder.empty()) std::cout << "no method was found\n";
  for (const auto& [folder, libraries] : by_folder) {
    std::cout << folder << "\n" << data::left("  name", kNameColumn) << data::left("fills", kFillsColumn) << "what it is\n";
    for (const auto* library : libraries) {
      // A long cell is kept whole and moves what follows it.
      const std::string head = data::left("  " + std::string(library->entry->name), kNameColumn - 1) + " " +
                               data::left(fills_of(*library), kFillsColumn - 1) + " ";
      print_column(head, kNameColumn + kFillsColumn, library->entry->title);
    }
  }
  if (list.refused.empty()) return;
  std::cout << "refused:\n";
  for (const auto& refused : list.refused) {
    const std::string path = refused.path.string();
    std::string reason = refused.reason;
    if (reason.starts_with(path + ": ")) reason = reason.substr(path.size() + 2);
    std::cout << "  " << path << "\n";
    print_column("", 4, reason);
  }
}

int show_all(const Options& o) {
  const auto list = plugin::list_methods();
  if (!o.json) {
    print_table(list);
    return kDone;
  }
  io::Json found = io::Json::array(), refused = io::Json::array();
  for (const auto& library : list.found) found.push_back(method_json(library));
  for (const auto& one : list.refused) refused.push_back({{"path", one.path.string()}, {"reason", one.reason}});
  std::cout << io::Json{{"methods", found}, {"refused", refused}}.dump(2) << "\n";
  return kDone;
}

void print_option(const io::Declared& option) {
  std::string value = option.required ? "required" : option.fallback.is_null() ? "not set" : "default " + option.fallback.dump();
  std::string allowed = option.choices.empty() ? range_of(option) : joined(option.choices);
  print_column("  " + option.key, 22, option.type + ", " + value + (allowed.empty() ? "" : "; " + allowed));
  print_column("", 22, option.about);
}

int show_one(const Options& o) {
  const auto library = plugin::find_method(o.name);
  const auto options = plugin::declared_options(library);
  if (o.json) {
    auto json = method_json(library);
    json["options"] = io::Json::array();
    for (const auto& option : options) json["options"].push_back(option_json(option));
    std::cout << json.dump(2) << "\n";
    return kDone;
  }
  const auto& entry = *library.entry;
  print_column(entry.name + std::string(": "), static_cast<int>(std::string(entry.name).size()) + 2, entry.title);
  print_column("paper", 12, entry.paper);
  print_column("fills", 12, fills_of(library));
  print_column("start", 12, entry.starts_as_identity ? "equal to the base model" : "differs from the base model before the first step");
  print_column("found in", 12, library.path.string());
  std::cout << (options.empty() ? "it has no options\n" : "options\n");
  for (const auto& option : options) print_option(option);
  return kDone;
}

}  // namespace

void add_methods(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("methods", "List the methods there are, or show one with its options");
  auto o = std::make_shared<Options>();
  verb->add_option("name", o->name, "a method; without it, all of them and what was refused");
  verb->add_flag("--json", o->json, "print one JSON object");
  set_example(*verb, "peftlab methods lora");
  verb->callback([o, &action] { action = [o] { return o->name.empty() ? show_all(*o) : show_one(*o); }; });
}

}  // namespace peftlab::cli
