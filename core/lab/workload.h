// A task made ready for a model: its data, and examples as token ids.
#pragma once

#include <map>
#include <string>

#include "core/data/cache.h"
#include "core/data/dataset.h"
#include "core/data/example.h"
#include "core/data/task/task.h"
#include "core/lab/experiment.h"

namespace peftlab::lab {

struct Workload {
  data::Task task;
  data::Dataset dataset;
  std::map<std::string, data::ExampleSet> splits;
  std::string cache_about;  // of the training split: hit or miss, and why

  const std::vector<data::Example>& examples(const std::string& split) const;
};

/// The task with its source file at hand; a named data set is fetched where needed.
data::Task resolve_task(const std::filesystem::path& path);

/// Tokenises the splits of `work`, its task and dataset, that the experiment needs. Throws ConfigError for data that is
/// too small for it, and what the parts throw.
Workload make_workload(Workload work, const Experiment& experiment, const data::ChatFormat& format, int64_t longest);

}  // namespace peftlab::lab
