#include <ATen/Version.h>
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <climits>
#include <string>
#include <vector>

#include "core/lab/machine.h"

namespace {

/// As the program does: keep big temporaries instead of returning them to the kernel each time.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 256 << 20);
}

void describe_process() {
  const auto machine = peftlab::lab::describe_machine();
  for (const char* key : {"processor", "instruction_sets", "cores", "threads", "libtorch", "build"}) {
    const auto& value = machine.at(key);
    benchmark::AddCustomContext(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  benchmark::AddCustomContext("onednn", at::get_mkldnn_version());
  const double load = peftlab::lab::load_average();
  if (load > peftlab::lab::kBusyLoad) std::fprintf(stderr, "warning: the machine was busy before: load %.2f\n", load);
  if (machine.at("build").get<std::string>() == "debug") std::fprintf(stderr, "warning: a debug build: the figures mean nothing\n");
}

/// Several repetitions in mixed order, shown by median and spread, where nothing else is asked for.
std::vector<char*> with_defaults(int argc, char** argv) {
  static char repetitions[] = "--benchmark_repetitions=5", order[] = "--benchmark_enable_random_interleaving=true",
              aggregates[] = "--benchmark_report_aggregates_only=true";
  std::vector<char*> words{argv[0], repetitions, order, aggregates};
  words.insert(words.end(), argv + 1, argv + argc);
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  torch::manual_seed(1);
  describe_process();
  auto words = with_defaults(argc, argv);
  int count = static_cast<int>(words.size());
  benchmark::Initialize(&count, words.data());
  if (benchmark::ReportUnrecognizedArguments(count, words.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
