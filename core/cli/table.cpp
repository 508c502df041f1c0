// `peftlab table`: runs side by side, with intervals, tests and costs.
#include "core/cli/commands.h"
#include "core/cli/shown_table.h"

namespace peftlab::cli {
namespace {

struct TableVerbOptions {
  std::vector<std::string> paths;
  TableOptions table;
};

}  // namespace

void add_table(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("table", "Show runs side by side: score, interval, difference, cost");
  auto o = std::make_shared<TableVerbOptions>();
  add_runs_option(*verb, o->paths);
  add_table_options(*verb, o->table);
  set_example(*verb, "peftlab table runs --baseline roads_lora");
  verb->callback([o, &action] {
    action = [o] {
      show_runs(compare::find_runs({o->paths.begin(), o->paths.end()}), o->table);
      return kDone;
    };
  });
}

}  // namespace peftlab::cli
