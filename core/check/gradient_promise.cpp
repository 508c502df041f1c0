// Gradients against differences of the loss, in float64.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <optional>

#include "core/check/promise.h"
#include "core/io/streams.h"
#include "core/kernels/constant_guard.h"

namespace peftlab::check {
namespace {

// The first step is tried, and where that fails the second: a corner of the function (of a ReLU, say) near by spoils a
// difference over a long step, a wrong gradient spoils both.
constexpr double kSteps[] = {1e-5, 1e-6};
constexpr double kUnit = 1.2e-16;

/// The loss at will, with what the algorithm holds fixed as it was in the first pass.
class FixedLoss {
 public:
  FixedLoss(Subject& subject, std::vector<model::Sequence> sequences)
      : subject_(subject), sequences_(std::move(sequences)) {}

  torch::Tensor operator()() {
    const auto loss = subject_.loss(sequences_);
    guard_.next_pass();
    return loss;
  }

  /// d loss / d step of `tensor` along `direction`.
  double slope(const torch::Tensor& tensor, const torch::Tensor& direction, double step) {
    const auto moved = [&](double by) {
      {
        torch::NoGradGuard no_grad;
        tensor.add_(direction, by);
      }
      const double value = (*this)().item<double>();
      torch::NoGradGuard no_grad;
      tensor.sub_(direction, by);
      return value;
    };
    return (moved(step) - moved(-step)) / (2 * step);
  }

 private:
  Subject& subject_;
  std::vector<model::Sequence> sequences_;
  kernels::ConstantGuard guard_;
};

/// A direction of length one that every element has a part in.
torch::Tensor direction_for(const plugin::Trainable& trained) {
  const auto generator = at::detail::createCPUGenerator(io::stream_seed(0, "direction", trained.name));
  const auto drawn = torch::empty(trained.tensor.sizes(), torch::kFloat64).normal_(0.0, 1.0, generator);
  return drawn / drawn.norm();
}

struct Comparison {
  double difference, allowed;
};

/// The error of a difference falls with the square of its step, so that two steps tell how large it is; to it come the
/// roundings of the loss.
Comparison compared(FixedLoss& loss, const plugin::Trainable& trained, const torch::Tensor& gradient, double value,
                    double step) {
  const auto direction = direction_for(trained);
  const double expected = (gradient * direction).sum().item<double>();
  const double wide = loss.slope(trained.tensor, direction, step),
               narrow = loss.slope(trained.tensor, direction, step / 2);
  const double rounding = 128 * kUnit * std::max(1.0, std::abs(value)) / step;
  return {std::abs(expected - narrow), 4 * std::abs(wide - narrow) + rounding};
}

void check_tensor(Finding& finding, FixedLoss& loss, const plugin::Trainable& trained, double value) {
  const auto gradient = trained.tensor.grad();
  finding.demand(gradient.defined(), trained.name + ": the loss does not reach it");
  if (!gradient.defined()) return;
  finding.demand(gradient.isfinite().all().item<bool>(), trained.name + ": its gradient is not finite");
  finding.demand(gradient.count_nonzero().item<int64_t>() > 0, trained.name + ": its gradient is zero everywhere");
  Comparison seen{};
  for (const double step : kSteps) {
    seen = compared(loss, trained, gradient, value, step);
    if (seen.difference <= seen.allowed) break;
  }
  finding.close(seen.difference, 0.0, seen.allowed, trained.name + ": its gradient against a difference of the loss");
}

}  // namespace

Finding has_right_gradients(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kFloat64});
  if (precision_of(subject.decoder()) != torch::kFloat64) {
    finding.leave("products are not made in float64, so that differences say nothing");
    return finding;
  }
  subject.begin();
  subject.perturb();
  subject.train(true);
  FixedLoss loss(subject, mixed_sequences());
  const auto value = loss();
  finding.demand(value.isfinite().item<bool>(), "the loss is not finite");
  if (finding.broken()) return finding;
  value.backward();
  for (const auto& trained : subject.method().trainable()) check_tensor(finding, loss, trained, value.item<double>());
  return finding;
}

}  // namespace peftlab::check
