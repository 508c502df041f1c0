#include "core/train/largest_micro_batch.h"

#include <gtest/gtest.h>

#include "core/train/order.h"
#include "tests/support/toy.h"

namespace peftlab::train {
namespace {

/// The most rows that any forward pass of the run computes, by making every batch.
int64_t most_rows(const std::vector<model::Sequence>& examples, const Settings& settings, uint64_t seed, bool share) {
  const Plan plan = make_plan(settings, static_cast<int64_t>(examples.size()));
  Order order(seed, plan);
  int64_t most = 0;
  for (int64_t step = 1; step <= plan.num_steps; ++step) {
    const auto chosen = order.of_step(step);
    std::vector<model::Sequence> part;
    for (size_t i = 0; i < chosen.size(); ++i) {
      part.push_back(examples[chosen[i]]);
      if (static_cast<int64_t>(part.size()) < settings.batch_size && i + 1 < chosen.size()) continue;
      most = std::max(most, model::make_batch(part, share).num_rows());
      part.clear();
    }
  }
  return most;
}

TEST(LargestMicroBatch, IsTheOneWithMostRows) {
  auto examples = test::sharing_sequences(11, 6);
  examples[4].ids.front() = 99;  // shares nothing
  for (const int64_t size : {1, 3, 4, 20}) {
    for (const int64_t accumulation : {1, 2}) {
      for (const bool share : {false, true}) {
        Settings settings;
        settings.epochs = 2.0;
        settings.batch_size = size;
        settings.gradient_accumulation = accumulation;
        const auto largest = largest_micro_batch(examples, settings, /*seed=*/3, share);
        EXPECT_LE(static_cast<int64_t>(largest.size()), size);
        EXPECT_EQ(num_rows_of(largest, share), model::make_batch(largest, share).num_rows());
        EXPECT_EQ(num_rows_of(largest, share), most_rows(examples, settings, 3, share)) << size << " " << accumulation << " " << share;
      }
    }
  }
}

}  // namespace
}  // namespace peftlab::train
