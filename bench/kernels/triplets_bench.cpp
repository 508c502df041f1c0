// What AdaLoRA computes beside the model: the penalty and the importance of 210 pairs of factors.
#include "bench/kernels/shapes.h"
#include "peftlab/importance.h"
#include "peftlab/orthogonality.h"

namespace peftlab::bench {
namespace {

constexpr int64_t kRank = 12, kLayers = 30;

/// Sizes (in, out) of a layer's seven matrices.
const std::vector<std::pair<int64_t, int64_t>>& sizes() {
  static const std::vector<std::pair<int64_t, int64_t>> all = {{kWidth, kWidth},
                                                               {kWidth, kKvHeads * kHeadWidth},
                                                               {kWidth, kKvHeads * kHeadWidth},
                                                               {kWidth, kWidth},
                                                               {kWidth, kMlpWidth},
                                                               {kWidth, kMlpWidth},
                                                               {kMlpWidth, kWidth}};
  return all;
}

struct Factors {
  std::vector<torch::Tensor> a, b;  // (rank, in) and (out, rank)
  double elements = 0.0;

  Factors() {
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      for (const auto& [in, out] : sizes()) {
        a.push_back(random({kRank, in}, torch::kFloat32, true));
        b.push_back(random({out, kRank}, torch::kFloat32, true));
        elements += static_cast<double>((in + out) * kRank);
      }
    }
  }
  std::vector<torch::Tensor> all() const {
    auto both = a;
    both.insert(both.end(), b.begin(), b.end());
    return both;
  }
};

torch::Tensor plain_orthogonality(const Factors& f) {
  std::vector<torch::Tensor> norms;
  const auto eye = torch::eye(kRank);
  for (const auto& a : f.a) norms.push_back((a.mm(a.t()) - eye).norm());
  for (const auto& b : f.b) norms.push_back((b.t().mm(b) - eye).norm());
  return torch::stack(norms).mean();
}

void penalty(benchmark::State& state, bool fast) {
  const Factors f;
  measure(state, [&] { return fast ? orthogonality(f.a, f.b) : plain_orthogonality(f); }, f.all(),
          {torch::kFloat32, 4.0 * kRank * f.elements, 0.0});
}
BENCHMARK_CAPTURE(penalty, twin, false)->UseRealTime();
BENCHMARK_CAPTURE(penalty, fast, true)->UseRealTime();

void importance(benchmark::State& state, bool fast) {
  const torch::NoGradGuard no_grad;
  const Factors f;
  std::vector<Watched> watched;
  for (const auto& p : f.all()) {
    p.mutable_grad() = torch::randn_like(p);
    watched.push_back({p, torch::zeros_like(p), torch::zeros_like(p)});
  }
  const auto plain = [&] {
    for (const auto& x : watched) {
      const auto now = (x.value * x.value.grad()).abs_();
      x.mean.mul_(0.85).add_(now, 0.15);
      x.spread.mul_(0.85).add_(now.sub_(x.mean).abs_(), 0.15);
    }
  };
  const double seconds = timed(state, [&] { fast ? observe_importance(watched, {0.85, 0.85}) : plain(); });
  show_work(state, {torch::kFloat32, 0.0, 6.0 * sizeof(float) * f.elements}, seconds);
}
BENCHMARK_CAPTURE(importance, twin, false)->UseRealTime();
BENCHMARK_CAPTURE(importance, fast, true)->UseRealTime();

}  // namespace
}  // namespace peftlab::bench
