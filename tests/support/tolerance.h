// How far two right computations of one result may lie apart, and comparisons by it.
#pragma once

#include <gtest/gtest.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <functional>
#include <vector>

namespace peftlab::test {

/// Half the distance of two neighbours near 1.
inline double rounding_unit(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat64:
      return std::ldexp(1.0, -53);
    case torch::kFloat32:
      return std::ldexp(1.0, -24);
    case torch::kBFloat16:
      return std::ldexp(1.0, -9);
    default:
      TORCH_CHECK(false, "no rounding unit for ", type);
  }
}

inline double magnitude(const torch::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.detach().abs().max().to(torch::kFloat64).item<double>();
}

/// For results of `type` up to `size` that are sums of `terms` products, made in float32 (float64 for float64) and rounded to
/// `type` `roundings` times on the way. The roundings of a sum add up like a random walk; eight deviations are allowed.
inline double tolerance(torch::ScalarType type, double size, int64_t terms, int roundings = 1) {
  const double sum_unit = rounding_unit(type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
  return (2.0 * roundings * rounding_unit(type) + 8.0 * std::sqrt(static_cast<double>(terms)) * sum_unit) * size;
}

/// Both undefined, or of one shape with no element further apart than `allowed`.
inline void expect_close(const torch::Tensor& actual, const torch::Tensor& expected, double allowed, const char* what) {
  ASSERT_EQ(actual.defined(), expected.defined()) << what;
  if (!actual.defined()) return;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  if (actual.numel() == 0) return;
  const auto apart = (actual.detach().to(torch::kFloat64) - expected.detach().to(torch::kFloat64)).abs().max().item<double>();
  EXPECT_LE(apart, allowed) << what;  // false for not-a-number too
}

/// Gradients of sum(weights * y) for each of `inputs`; undefined for those that need none.
inline std::vector<torch::Tensor> gradients(const torch::Tensor& y, const torch::Tensor& weights,
                                            const std::vector<torch::Tensor>& inputs) {
  std::vector<torch::Tensor> wanted;
  for (const auto& x : inputs) {
    if (x.defined() && x.requires_grad()) wanted.push_back(x);
  }
  const auto found = torch::autograd::grad({y}, wanted, {weights.to(y.scalar_type())}, /*retain_graph=*/true,
                                           /*create_graph=*/false, /*allow_unused=*/true);
  std::vector<torch::Tensor> result;
  size_t next = 0;
  for (const auto& x : inputs) {
    result.push_back(x.defined() && x.requires_grad() ? found[next++] : torch::Tensor());
  }
  return result;
}

/// Compares every element of every input's gradient of sum(weights * f()) with central differences in float64. f must compute
/// from `inputs`, which are float64 leaves, anew at each call.
inline void expect_differences(const std::function<torch::Tensor()>& f, const std::vector<torch::Tensor>& inputs) {
  constexpr double kStep = 6e-6;  // the cube root of float64's spacing
  const auto y = f();
  const auto weights = torch::randn_like(y);
  const auto exact = gradients(y, weights, inputs);
  const torch::NoGradGuard no_grad;
  const auto value = [&] { return (f() * weights).sum().item<double>(); };
  const double allowed = 100 * (kStep * kStep + rounding_unit(torch::kFloat64) / kStep) *
                         std::max(1.0, (y * weights).abs().sum().item<double>());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    auto flat = inputs[i].data().view({-1});
    ASSERT_TRUE(exact[i].defined()) << "input " << i;
    const auto gradient = exact[i].contiguous().view({-1});
    for (int64_t j = 0; j < flat.numel(); ++j) {
      const double at = flat[j].item<double>();
      flat[j] = at + kStep;
      const double above = value();
      flat[j] = at - kStep;
      const double below = value();
      flat[j] = at;
      EXPECT_NEAR(gradient[j].item<double>(), (above - below) / (2 * kStep), allowed) << "input " << i << " element " << j;
    }
  }
}

/// A copy of x that gradients are asked for.
inline torch::Tensor leaf(const torch::Tensor& x) { return x.detach().clone().requires_grad_(true); }

/// Matches the message of the exception that `call` throws.
inline std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace peftlab::test
