// `peftlab check`: a method against everything that is promised of methods.
#include "core/check/check.h"

#include <filesystem>
#include <iostream>

#include "core/cli/columns.h"
#include "core/cli/commands.h"
#include "core/data/report/report_text.h"
#include "core/lab/layers.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kVerdictColumn = 9, kNameColumn = 24;
constexpr size_t kMostFaults = 4;  // of one promise; more of them say the same

struct CheckOptions {
  std::string method;
  std::vector<std::string> models, settings;
  bool json = false, verbose = false;
};

plugin::MethodLibrary library_of(const CheckOptions& o) {
  const bool is_file = o.method.ends_with(".so") && o.method.find('/') == std::string::npos;
  return plugin::find_method(is_file ? "./" + o.method : o.method);
}

/// `--set rank=4`, as the keys of the method.
io::Json options_of(const CheckOptions& o) {
  io::Json options = io::Json::object();
  for (const auto& text : o.settings) {
    const auto setting = lab::parse_override(text.starts_with("/") ? text : "/" + text);
    const auto key = setting.pointer.substr(1);
    if (key.find('/') != std::string::npos)
      throw ConfigError("--set " + text + ": expected an option of the method, as in --set rank=4");
    auto value = io::Json::parse(setting.value, nullptr, /*allow_exceptions=*/false);
    options[key] = value.is_discarded() ? io::Json(setting.value) : std::move(value);
  }
  return options;
}

const char* word(check::Verdict verdict) {
  switch (verdict) {
    case check::Verdict::kept:
      return "kept";
    case check::Verdict::broken:
      return "BROKEN";
    case check::Verdict::untried:
      return "untried";
  }
  return "";
}

std::string figure_of(const check::Line& line) {
  if (line.verdict == check::Verdict::untried) return line.reason;
  const auto& finding = line.finding;
  std::string text;
  if (finding.has_figure() && finding.allowed() > 0) {
    text = check::shown_figure(finding.largest_difference()) + " of " + check::shown_figure(finding.allowed()) +
           " allowed, ";
  } else if (finding.has_figure()) {
    text = finding.largest_difference() > 0 ? "off by " + check::shown_figure(finding.largest_difference()) + ", "
                                            : "same bits, ";
  }
  return text + std::to_string(finding.num_compared()) + " comparisons";
}

io::Json line_json(const check::Line& line) {
  const auto& finding = line.finding;
  io::Json json = {{"promise", line.promise->name},
                   {"about", line.promise->about},
                   {"verdict", word(line.verdict)},
                   {"num_trials", line.num_trials},
                   {"num_comparisons", finding.num_compared()}};
  json["verdict"] = line.verdict == check::Verdict::broken ? "broken" : word(line.verdict);
  if (finding.has_figure()) {
    json["largest_difference"] = finding.largest_difference();
    json["allowed"] = finding.allowed();
  }
  if (!line.reason.empty()) json["reason"] = line.reason;
  json["faults"] = finding.faults();
  return json;
}

void print_json(const check::Report& report) {
  io::Json lines = io::Json::array();
  for (const auto& line : report.lines) lines.push_back(line_json(line));
  std::cout << io::Json{{"method", report.method}, {"kept", report.kept()},     {"seconds", report.seconds},
                        {"trials", report.trials}, {"refused", report.refused}, {"promises", lines}}
                   .dump(2)
            << "\n";
}

void print_line(const check::Line& line) {
  std::cout << data::left(word(line.verdict), kVerdictColumn)
            << data::left(line.promise->name, kNameColumn - kVerdictColumn) << figure_of(line) << "\n";
  if (line.verdict != check::Verdict::broken) return;
  const auto faults = line.finding.faults();
  print_column("", kVerdictColumn, std::string("promised: ") + line.promise->about);
  for (size_t i = 0; i < std::min(kMostFaults, faults.size()); ++i) print_column("", kVerdictColumn, faults[i]);
  if (faults.size() > kMostFaults)
    print_column("", kVerdictColumn, "and " + std::to_string(faults.size() - kMostFaults) + " more");
}

void print_text(const check::Report& report, bool verbose) {
  for (const auto& line : report.lines) print_line(line);
  std::cout << report.method << (report.kept() ? ": every promise is kept" : ": promises are broken") << "; tried "
            << report.trials.size() << " ways in " << check::shown_figure(report.seconds) << " s";
  std::cout << "\n";
  if (!report.refused.empty())
    std::cout << "refused " << report.refused.size() << " ways" << (verbose ? "\n" : "; --verbose lists them\n");
  if (!verbose) return;
  for (const auto& trial : report.trials) print_column("  tried    ", 11, trial);
  for (const auto& refused : report.refused) print_column("  refused  ", 11, refused);
}

int run_check(const CheckOptions& o) {
  const auto report = check::check_method(library_of(o), options_of(o), o.models);
  if (o.json)
    print_json(report);
  else
    print_text(report, o.verbose);
  return report.kept() ? kDone : kFailed;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("check", "Hold a method to everything that is promised of methods, on toy models");
  auto o = std::make_shared<CheckOptions>();
  verb->add_option("method", o->method, "a method's name, or its library")->required();
  verb->add_option("--model", o->models, "only this architecture kind; may be given several times");
  verb->add_option("--set", o->settings, "an option of the method: rank=4; it is not varied then");
  verb->add_flag("--verbose", o->verbose, "list the models and options that were tried");
  verb->add_flag("--json", o->json, "print one JSON object");
  set_example(*verb, "peftlab check build/my_method.so --set rank=4");
  verb->callback([o, &action] { action = [o] { return run_check(*o); }; });
}

}  // namespace peftlab::cli
