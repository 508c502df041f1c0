#include "core/kernels/loops/parallel.h"

#include <algorithm>
#include <exception>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace peftlab::kernels::loops {

#ifdef _OPENMP

bool has_threads() { return true; }

void run_parallel(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& f) {
  if (begin >= end) return;
  const int64_t most = std::max<int64_t>(1, (end - begin) / std::max<int64_t>(1, grain));
  if (most == 1 || omp_in_parallel() || omp_get_max_threads() == 1) return f(begin, end);
  std::exception_ptr thrown;
  // No num_threads clause: libgomp starts its threads anew whenever the number changes, and libtorch shares them.
#pragma omp parallel
  {
    const int64_t threads = std::min<int64_t>(omp_get_num_threads(), most);
    const int64_t share = (end - begin + threads - 1) / threads;
    const int64_t from = begin + omp_get_thread_num() * share;
    if (from < end) {
      try {
        f(from, std::min(from + share, end));
      } catch (...) {
#pragma omp critical
        thrown = std::current_exception();
      }
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

#else

bool has_threads() { return false; }

void run_parallel(int64_t begin, int64_t end, int64_t, const std::function<void(int64_t, int64_t)>& f) {
  if (begin < end) f(begin, end);
}

#endif

}  // namespace peftlab::kernels::loops
