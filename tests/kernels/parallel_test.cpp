#include "core/kernels/parallel.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

TEST(Parallel, UsesAllThreads) {
  if (!loops::has_threads()) GTEST_SKIP() << "built by a compiler without OpenMP";
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  parallel_for(0, 3, 1, [&](int64_t, int64_t) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  at::set_num_threads(before);
  EXPECT_EQ(threads.size(), 3u);
}

TEST(Parallel, CoversEachNumberOnce) {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 4}) {
    at::set_num_threads(threads);
    for (const int64_t count : {0, 1, 5, 100, 1001}) {
      for (const int64_t grain : {1, 7, 5000}) {
        std::vector<int> seen(count, 0);
        parallel_for(0, count, grain, [&](int64_t from, int64_t to) {
          for (int64_t i = from; i < to; ++i) ++seen[i];
        });
        EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), count);
      }
    }
  }
  at::set_num_threads(before);
}

TEST(Parallel, PassesOnWhatIsThrown) {
  const auto fail = [](int64_t, int64_t to) {
    if (to == 100) throw std::runtime_error("the last part");
  };
  EXPECT_THAT(test::message_of([&] { parallel_for(0, 100, 1, fail); }), testing::HasSubstr("the last part"));
}

TEST(Parallel, DoesNotNest) {
  parallel_for(0, 4, 1, [](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      int calls = 0;
      parallel_for(0, 100, 1, [&](int64_t, int64_t) { ++calls; });
      EXPECT_EQ(calls, 1);
    }
  });
}

}  // namespace
}  // namespace peftlab::kernels
