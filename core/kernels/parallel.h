// Loops over libtorch's number of threads.
#pragma once

#include <ATen/Parallel.h>

#include "core/kernels/loops/parallel.h"

namespace peftlab::kernels {

/// loops::run_parallel on at::get_num_threads() threads. (at::parallel_for is built into its caller, and runs on one thread in
/// whatever is not compiled for OpenMP.)
template <typename F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const F& f) {
  // Asking for the number also sets it, in a thread that libtorch has not used yet.
  if (at::get_num_threads() > 1) {
    loops::run_parallel(begin, end, grain, f);
  } else if (begin < end) {
    f(begin, end);
  }
}

}  // namespace peftlab::kernels
