// `peftlab schema`: the JSON schemas that editors check experiment and task files with.
#include <iostream>

#include "core/cli/commands.h"
#include "core/data/task.h"
#include "core/lab/experiment.h"

namespace peftlab::cli {

void add_schema(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("schema", "Print the JSON schema of experiment or task files, for editors");
  auto kind = std::make_shared<std::string>();
  verb->add_option("kind", *kind, "experiment or task")->required()->check(CLI::IsMember({"experiment", "task"}));
  set_example(*verb, "peftlab schema experiment > experiment.schema.json");
  verb->callback([kind, &action] {
    action = [kind] {
      std::cout << (*kind == "task" ? data::task_schema() : lab::experiment_schema()).dump(2) << "\n";
      return kDone;
    };
  });
}

}  // namespace peftlab::cli
