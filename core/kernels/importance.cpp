#include "peftlab/importance.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/loops/importance_loops.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"

namespace peftlab {
namespace {

bool has_loop(const Watched& x) {
  const auto fits = [](const torch::Tensor& t) {
    return t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous();
  };
  return fits(x.value) && fits(x.value.grad()) && fits(x.mean) && fits(x.spread);
}

void observe(const Watched& x, const ImportanceDecay& decay) {
  const auto gradient = x.value.grad();
  if (has_loop(x)) {
    kernels::loops::observe_importance(
        x.value.numel(), kernels::elements<float>(x.value), kernels::elements<float>(gradient), decay.mean,
        decay.spread, kernels::mutable_elements<float>(x.mean), kernels::mutable_elements<float>(x.spread));
    return;
  }
  const auto importance = (x.value * gradient).abs_();
  x.mean.mul_(decay.mean).add_(importance, 1.0 - decay.mean);
  x.spread.mul_(decay.spread).add_(importance.sub_(x.mean).abs_(), 1.0 - decay.spread);
}

}  // namespace

// A thread takes whole tensors: there are hundreds, each too small to be shared.
void observe_importance(const std::vector<Watched>& all, const ImportanceDecay& decay) {
  const kernels::Recorded recorded("importance");
  kernels::parallel_for(0, static_cast<int64_t>(all.size()), 1, [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_grad;  // of this thread
    for (int64_t i = begin; i < end; ++i) {
      if (all[i].value.grad().defined() && all[i].value.numel() > 0) observe(all[i], decay);
    }
  });
}

}  // namespace peftlab
