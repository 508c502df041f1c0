// `peftlab schema`: the JSON schemas that editors check experiment and task files with.
#include <iostream>

#include "core/cli/commands.h"
#include "core/data/task/task.h"
#include "core/lab/experiment.h"
#include "core/study/sweep_file.h"

namespace peftlab::cli {

void add_schema(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("schema", "Print the JSON schema of experiment, task or sweep files, for editors");
  auto kind = std::make_shared<std::string>();
  verb->add_option("kind", *kind, "experiment, task or sweep")->required()->check(CLI::IsMember({"experiment", "task", "sweep"}));
  set_example(*verb, "peftlab schema experiment > experiment.schema.json");
  verb->callback([kind, &action] {
    action = [kind] {
      const auto schema = *kind == "task"    ? data::task_schema()
                          : *kind == "sweep" ? study::sweep_schema()
                                             : lab::experiment_schema();
      std::cout << schema.dump(2) << "\n";
      return kDone;
    };
  });
}

}  // namespace peftlab::cli
