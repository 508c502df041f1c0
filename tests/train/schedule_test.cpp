#include "core/train/schedule.h"

#include <gtest/gtest.h>

#include <set>

#include "core/train/order.h"

namespace peftlab::train {
namespace {

Settings with(Schedule schedule, int64_t steps, int64_t warmup) {
  Settings s;
  s.max_steps = steps;
  s.warmup_steps = warmup;
  s.schedule = schedule;
  s.learning_rate = 2.0;
  return s;
}

TEST(Schedule, WarmsUpFromZeroAndFallsAsHuggingFaceHasIt) {
  const auto linear = with(Schedule::linear, 10, 2);
  const auto plan = make_plan(linear, 100);
  EXPECT_DOUBLE_EQ(learning_rate_at(1, plan, linear), 0.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(2, plan, linear), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(3, plan, linear), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(7, plan, linear), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(10, plan, linear), 0.25);
  const auto cosine = with(Schedule::cosine, 10, 2);
  EXPECT_DOUBLE_EQ(learning_rate_at(7, plan, cosine), 1.0);
  const auto constant = with(Schedule::constant, 10, 0);
  EXPECT_DOUBLE_EQ(learning_rate_at(1, make_plan(constant, 100), constant), 2.0);
}

TEST(Plan, CountsStepsOfShortLastWindowsAndPartsOfEpochs) {
  Settings s;
  s.epochs = 1.5;
  s.batch_size = 4;
  s.gradient_accumulation = 2;
  s.warmup_ratio = 0.1;
  const auto plan = make_plan(s, 20);
  EXPECT_EQ(plan.steps_per_epoch, 3);
  EXPECT_EQ(plan.num_steps, 5);
  EXPECT_EQ(plan.warmup_steps, 1);
  EXPECT_EQ(plan.interval({std::nullopt, 0.5}), 2);
  EXPECT_EQ(plan.interval({}), 0);
}

TEST(Order, VisitsEveryExampleOnceAnEpochInAnOrderOfItsOwn) {
  Settings s;
  s.epochs = 2;
  s.batch_size = 4;
  const auto plan = make_plan(s, 10);
  Order order(3, plan), again(3, plan), other(4, plan);
  std::vector<size_t> first, second, foreign;
  for (int64_t step = 1; step <= 3; ++step) {
    for (size_t i : order.of_step(step)) first.push_back(i);
    for (size_t i : other.of_step(step)) foreign.push_back(i);
  }
  for (int64_t step = 4; step <= 6; ++step) {
    for (size_t i : order.of_step(step)) second.push_back(i);
  }
  EXPECT_EQ(std::set<size_t>(first.begin(), first.end()).size(), 10u);
  EXPECT_EQ(std::set<size_t>(second.begin(), second.end()).size(), 10u);
  EXPECT_NE(first, second);
  EXPECT_NE(first, foreign);
  EXPECT_EQ(again.of_step(5), order.of_step(5));
}

}  // namespace
}  // namespace peftlab::train
