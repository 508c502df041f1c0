// `peftlab report`: runs compared, as one file for a browser.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/shown_table.h"
#include "core/io/files.h"
#include "core/lab/version.h"
#include "core/page/page.h"
#include "core/report/human.h"

namespace peftlab::cli {
namespace {

struct ReportOptions {
  std::vector<std::string> paths;
  std::string baseline, split, out = "report.html";
};

/// A name that ends otherwise is more likely a run's file than a wish.
void check_target(const std::filesystem::path& target) {
  const auto suffix = target.extension();
  if (suffix != ".html" && suffix != ".htm") {
    throw ConfigError("-o " + target.string() + ": expected a file name that ends in .html");
  }
  std::error_code error;
  const auto folder = target.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    throw ConfigError("-o " + target.string() + ": there is no folder " + folder.string() + "; make it first");
  }
}

int write_report(const ReportOptions& o) {
  check_target(o.out);
  const auto material = page::gather({o.paths.begin(), o.paths.end()}, {o.baseline, o.split});
  const auto html = page::document(material, std::string("peftlab ") + lab::kVersion);
  io::write_file(o.out, html);
  for (const auto& note : material.notes) std::cerr << "note: " << note << "\n";
  size_t num_runs = 0;
  for (const auto& group : material.groups) num_runs += group.comparison.runs.size();
  std::cout << o.out << ": " << num_runs << (num_runs == 1 ? " run, " : " runs, ");
  if (material.groups.size() > 1) std::cout << "in " << material.groups.size() << " groups that cannot be compared, ";
  std::cout << report::human_bytes(html.size()) << "\n";
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("report", "Write the comparison of runs as one HTML file: tables, plots, answers");
  auto o = std::make_shared<ReportOptions>();
  add_runs_option(*verb, o->paths);
  verb->add_option("-o,--out", o->out, "the file to write")->capture_default_str();
  add_baseline_options(*verb, o->baseline, o->split);
  set_example(*verb, "peftlab report runs --baseline roads_lora -o report.html");
  verb->callback([o, &action] { action = [o] { return write_report(*o); }; });
}

}  // namespace peftlab::cli
