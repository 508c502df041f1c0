#include <benchmark/benchmark.h>
#include <malloc.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <climits>

int main(int argc, char** argv) {
#ifndef NDEBUG
  std::fprintf(stderr, "warning: a debug build: the figures mean nothing\n");
#endif
  // As the program does: keep big temporaries instead of returning them to the kernel each time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 256 << 20);
  torch::manual_seed(1);
  std::fprintf(stderr, "%s\n%s\n", at::get_cpu_capability().c_str(), at::get_parallel_info().c_str());
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
