// Loops over several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace peftlab::kernels::loops {

/// Whether run_parallel has threads at all.
bool has_threads();

/// Calls f(from, to) for parts of [begin, end) of at least `grain`, one for each thread that OpenMP gives, and waits for all.
/// In one call from inside another such loop. The parts depend on the number of threads alone. What a call throws is thrown
/// once all have ended.
void run_parallel(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& f);

}  // namespace peftlab::kernels::loops
