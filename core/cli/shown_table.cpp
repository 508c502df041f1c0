#include "core/cli/shown_table.h"

#include <unistd.h>

#include <iostream>

#include "core/compare/comparison.h"
#include "core/compare/likeness.h"
#include "core/compare/record.h"
#include "core/compare/render.h"
#include "core/lab/run.h"
#include "core/report/terminal.h"

namespace peftlab::cli {
namespace {

static_assert(compare::kNewestResultVersion == lab::kResultVersion, "what runs write must be read");

std::string rendered(const compare::Comparison& comparison, const TableOptions& o) {
  if (o.format == "csv") return compare::csv_text(comparison);
  const auto layout = compare::lay_out(comparison);
  if (o.format == "markdown") return compare::markdown_text(layout);
  if (o.format == "latex") return compare::latex_text(layout);
  return compare::terminal_text(layout, report::terminal_width(STDOUT_FILENO), o.wide);
}

std::vector<compare::Comparison> comparisons(compare::FoundRuns found, const TableOptions& o) {
  std::vector<std::vector<compare::Run>> groups;
  if (o.by == "group") {
    groups = compare::split_alike(std::move(found.runs));
  } else {
    compare::require_alike(found.runs);
    groups.push_back(std::move(found.runs));
  }
  std::vector<compare::Comparison> results;
  for (auto& group : groups) results.push_back(compare::compare(std::move(group), {o.baseline, o.split}));
  auto& notes = results.front().notes;
  notes.insert(notes.begin(), found.notes.begin(), found.notes.end());
  return results;
}

}  // namespace

void add_runs_option(CLI::App& verb, std::vector<std::string>& paths) {
  verb.add_option("runs", paths, "run folders, folders that hold some, or result files of PEFT's comparison suite")->required();
}

void add_baseline_options(CLI::App& verb, std::string& baseline, std::string& split) {
  verb.add_option("--baseline", baseline, "the row that all others are compared with; default: the best");
  verb.add_option("--split", split, "the split that was scored; default: test, or what there is");
}

void add_table_options(CLI::App& verb, TableOptions& o) {
  add_baseline_options(verb, o.baseline, o.split);
  verb.add_option("--format", o.format, "terminal, markdown, csv, latex or json")
      ->check(CLI::IsMember({"terminal", "markdown", "csv", "latex", "json"}))
      ->capture_default_str();
  verb.add_option("--by", o.by, "group: unlike runs are split into tables instead of refused")
      ->check(CLI::IsMember({"group"}));
  verb.add_flag("--wide", o.wide, "all columns side by side");
}

void show_runs(compare::FoundRuns found, const TableOptions& o) {
  const auto results = comparisons(std::move(found), o);
  if (o.format == "json") {
    io::Json list = io::Json::array();
    for (const auto& comparison : results) list.push_back(compare::to_json(comparison));
    const auto& json = o.by.empty() ? list.front() : list;
    std::cout << json.dump(2, ' ', false, io::Json::error_handler_t::replace) << "\n";
    return;
  }
  for (size_t i = 0; i < results.size(); ++i) std::cout << (i ? "\n" : "") << rendered(results[i], o);
}

}  // namespace peftlab::cli
