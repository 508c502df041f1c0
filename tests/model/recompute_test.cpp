#include "core/model/recompute.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab::model {
namespace {

TEST(Recompute, AParameterNamedTwiceGetsItsGradientOnce) {
  const auto weight = torch::tensor({2.0, 3.0}).requires_grad_(true);
  const auto x = torch::tensor({5.0, 7.0});
  const auto y = recomputed([&](const std::vector<torch::Tensor>& in) { return in[0] * weight; }, {x}, {weight, weight});
  y.sum().backward();
  EXPECT_TRUE(torch::equal(weight.grad(), x)) << weight.grad();
}

}  // namespace
}  // namespace peftlab::model
