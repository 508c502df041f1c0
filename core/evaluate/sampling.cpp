#include "core/evaluate/sampling.h"

#include <algorithm>
#include <limits>

namespace peftlab::evaluate {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

void penalise(torch::Tensor& scores, const std::vector<int64_t>& previous, double penalty) {
  if (penalty == 1.0 || previous.empty()) return;
  const auto ids = std::get<0>(at::_unique(torch::tensor(previous, torch::kInt64)));
  const auto values = scores.index_select(0, ids);
  scores.index_copy_(0, ids, at::where(values < 0, values * penalty, values / penalty));
}

void keep_top_k(torch::Tensor& scores, int64_t k) {
  if (k <= 0 || k >= scores.numel()) return;
  const auto kth = std::get<0>(scores.topk(k)).min();
  scores.masked_fill_(scores < kth, kNever);
}

void keep_top_p(torch::Tensor& scores, double p) {
  if (p >= 1.0) return;
  const auto [sorted, order] = scores.sort(/*stable=*/false, /*dim=*/-1, /*descending=*/false);
  auto dropped = sorted.softmax(-1).cumsum(-1) <= 1.0 - p;
  dropped[-1] = false;
  scores.masked_fill_(torch::empty_like(dropped).scatter_(0, order, dropped), kNever);
}

}  // namespace

torch::Tensor process_logits(const torch::Tensor& logits, const std::vector<int64_t>& previous, const Sampling& sampling) {
  torch::NoGradGuard no_grad;
  auto scores = logits.to(torch::kCPU, torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
  penalise(scores, previous, sampling.repetition_penalty);
  if (sampling.temperature != 1.0) scores.div_(sampling.temperature);
  keep_top_k(scores, sampling.top_k);
  keep_top_p(scores, sampling.top_p);
  return scores;
}

int64_t choose_token(const torch::Tensor& logits, const std::vector<int64_t>& previous, const Sampling& sampling, double random) {
  if (sampling.greedy) {
    if (sampling.repetition_penalty == 1.0) return logits.argmax(-1).item<int64_t>();
    return process_logits(logits, previous, {true, sampling.repetition_penalty}).argmax(-1).item<int64_t>();
  }
  const auto cumulative = process_logits(logits, previous, sampling).softmax(-1).to(torch::kFloat64).cumsum(-1);
  const double* values = cumulative.data_ptr<double>();
  const int64_t size = cumulative.numel();
  const double wanted = random * values[size - 1];
  const int64_t chosen = std::upper_bound(values, values + size, wanted) - values;
  return std::min(chosen, size - 1);
}

}  // namespace peftlab::evaluate
