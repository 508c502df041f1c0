// What a profile is made of: phases, operations, and the memory of both.
#include "core/train/operation_log.h"

#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/kernels/norm.h"

namespace peftlab::train {
namespace {

constexpr int64_t kSize = 64;
constexpr int64_t kBytes = kSize * kSize * 4;

const OperationCost& cost_of(const OperationCosts& costs, const char* phase, const char* operation) {
  static const OperationCost kNone;
  const auto at = costs.operations.find({phase, operation});
  return at == costs.operations.end() ? kNone : at->second;
}

/// One product and one norm, forward and backward, as a step has them.
void work(const torch::Tensor& x, const torch::Tensor& weight) {
  torch::Tensor y;
  {
    RECORD_USER_SCOPE(kForwardPhase);
    y = kernels::rms_norm(torch::mm(x, x), weight, 1e-6, {}).sum();
  }
  RECORD_USER_SCOPE(kBackwardPhase);
  y.backward();
}

class OperationLogTest : public testing::Test {
 protected:
  torch::Tensor x_ = torch::ones({kSize, kSize}).requires_grad_();
  torch::Tensor weight_ = torch::ones({kSize});
};

TEST_F(OperationLogTest, NamesOperationsByPhase) {
  OperationLog log;
  for (int i = 0; i < 3; ++i) work(x_, weight_);
  const auto& costs = log.costs();
  EXPECT_EQ(costs.phases.at(kForwardPhase).num_calls, 3);
  EXPECT_EQ(costs.phases.at(kBackwardPhase).num_calls, 3);
  EXPECT_EQ(cost_of(costs, kForwardPhase, "aten::mm").num_calls, 3);
  EXPECT_EQ(cost_of(costs, kForwardPhase, "rms_norm").num_calls, 3);
  EXPECT_EQ(cost_of(costs, kBackwardPhase, "MmBackward0").num_calls, 3);
  EXPECT_EQ(cost_of(costs, kBackwardPhase, "RmsNorm, backward").num_calls, 3);
  EXPECT_EQ(cost_of(costs, kBackwardPhase, "aten::mm").num_calls, 6);
}

TEST_F(OperationLogTest, TimesOfOperationsAddUpToTheirPhase) {
  OperationLog log;
  for (int i = 0; i < 5; ++i) work(x_, weight_);
  for (const char* phase : {kForwardPhase, kBackwardPhase}) {
    double sum = 0.0;
    for (const auto& [key, cost] : log.costs().operations) {
      EXPECT_GE(cost.seconds, 0.0) << key.second;
      if (key.first == phase) sum += cost.seconds;
    }
    const double whole = log.costs().phases.at(phase).seconds;
    EXPECT_GT(whole, 0.0);
    EXPECT_NEAR(sum, whole, 1e-9 * whole) << phase;
  }
}

TEST_F(OperationLogTest, CountsWhatIsAllocatedAndWhatIsHeldAtOnce) {
  OperationLog log;
  {
    RECORD_USER_SCOPE(kForwardPhase);
    for (int i = 0; i < 4; ++i) torch::mm(x_.detach(), x_.detach());
  }
  const auto& phase = log.costs().phases.at(kForwardPhase);
  EXPECT_EQ(phase.bytes_allocated, 4 * kBytes);
  EXPECT_EQ(phase.peak_bytes, kBytes);
  EXPECT_EQ(cost_of(log.costs(), kForwardPhase, "aten::mm").bytes_allocated, 4 * kBytes);
}

TEST_F(OperationLogTest, HearsNothingBeforeItsMakingAndAfterItsEnd) {
  work(x_, weight_);
  {
    OperationLog log;
    EXPECT_THAT(log.costs().operations, testing::IsEmpty());
  }
  work(x_, weight_);
  OperationLog log;
  EXPECT_THAT(log.costs().phases, testing::IsEmpty());
}

TEST_F(OperationLogTest, BetweenPhasesStandsUnderNoName) {
  OperationLog log;
  torch::mm(x_.detach(), x_.detach());
  EXPECT_EQ(cost_of(log.costs(), "", "aten::mm").num_calls, 1);
}

}  // namespace
}  // namespace peftlab::train
