#include "core/cli/plan_options.h"

#include <unistd.h>

#include <map>

#include "core/report/table.h"
#include "core/report/terminal.h"

namespace peftlab::cli {

study::PlanRequest PlanOptions::request() const { return {{files.begin(), files.end()}, num_seeds, overrides, out}; }

void add_plan_options(CLI::App& verb, PlanOptions& o) {
  verb.add_option("experiments", o.files, "experiment files (JSON)")->required();
  verb.add_option("--seeds", o.num_seeds,
                  "so many seeds each: the first that the file names; default: all that it names")
      ->check(CLI::Range(int64_t{1}, int64_t{100000}));
  verb.add_option("--set", o.overrides,
                  "change a value in all experiments: /train/epochs=1; may be given several times");
  verb.add_option("--out", o.out, "the folder that holds the runs; default: runs in the working folder");
}

std::string plan_text(const std::vector<study::PlannedRun>& runs) {
  report::Table table({"run", "experiment", "seed", "state", "folder"});
  std::map<study::RunState, size_t> counts;
  for (const auto& run : runs) {
    ++counts[run.state];
    table.add({std::to_string(run.number), run.name, std::to_string(run.seed), study::name_of(run.state),
               run.folder.lexically_proximate(std::filesystem::current_path()).string()});
  }
  std::string text = table.text(report::terminal_width(STDOUT_FILENO));
  for (const auto& run : runs) {
    if (run.state == study::RunState::failed)
      text += "run " + std::to_string(run.number) + " failed: " + run.reason + "\n";
  }
  text += std::to_string(runs.size()) + (runs.size() == 1 ? " run" : " runs");
  for (const auto& [state, count] : counts) text += ", " + std::to_string(count) + " " + study::name_of(state);
  return text + "\n";
}

io::Json plan_json(const std::vector<study::PlannedRun>& runs) {
  io::Json list = io::Json::array();
  for (const auto& run : runs) {
    list.push_back({{"number", run.number},
                    {"experiment", run.name},
                    {"file", run.file.string()},
                    {"seed", run.seed},
                    {"overrides", run.overrides},
                    {"folder", run.folder.string()},
                    {"identity", run.identity},
                    {"state", study::name_of(run.state)},
                    {"reason", run.reason}});
  }
  return list;
}

}  // namespace peftlab::cli
