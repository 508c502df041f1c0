// `peftlab plan`: the numbered list of runs that `peftlab compare` would do, for those who share them out.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/plan_options.h"

namespace peftlab::cli {

void add_plan(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("plan", "List the runs that compare would do, and what is there of each");
  struct Shown {
    PlanOptions plan;
    bool json = false;
  };
  auto o = std::make_shared<Shown>();
  add_plan_options(*verb, o->plan);
  verb->add_flag("--json", o->json, "a JSON list");
  set_example(*verb, "peftlab plan experiments/roads_*.json --seeds 3");
  verb->callback([o, &action] {
    action = [o] {
      const auto runs = study::make_plan(o->plan.request());
      std::cout << (o->json ? plan_json(runs).dump(2, ' ', false, io::Json::error_handler_t::replace) + "\n"
                            : plan_text(runs));
      return kDone;
    };
  });
}

}  // namespace peftlab::cli
