#include "core/lab/few_steps.h"

#include "core/train/schedule.h"
#include "peftlab/error.h"

namespace peftlab::lab {

void require_steps(const train::Job& job, int64_t num_warm_up, int64_t num_steps) {
  const int64_t has = train::make_plan(job.settings, static_cast<int64_t>(job.examples.size())).num_steps;
  if (has >= num_warm_up + num_steps) return;
  throw ConfigError("the experiment has " + std::to_string(has) + " steps, " + std::to_string(num_warm_up) + " of warm-up and " +
                    std::to_string(num_steps) + " to be looked at were asked for; ask for fewer, or for more epochs with --set");
}

}  // namespace peftlab::lab
