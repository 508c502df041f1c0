#include "core/evaluate/forgetting.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <optional>

#include <algorithm>

namespace peftlab::evaluate {
namespace {

/// Sums over the predicted tokens of one window.
struct WindowSums {
  int64_t num_tokens = 0;
  double base_loss = 0.0, tuned_loss = 0.0, divergence = 0.0;
};

constexpr int64_t kRowsAtOnce = 64;  // whose distributions over the vocabulary are held at a time

/// The rows that predict every token but the first: (n - 1, C).
torch::Tensor predicting_rows(const model::Decoder& decoder, const std::vector<int64_t>& ids) {
  const auto batch = model::make_batch({model::unlabelled(ids)}, /*share_beginning=*/false);
  return decoder.hidden(batch).narrow(0, decoder.num_virtual_rows(), batch.num_rows() - 1);
}

/// (n, C) -> (n, V) float32.
torch::Tensor log_probabilities(const model::Decoder& decoder, const torch::Tensor& rows) {
  return at::log_softmax(decoder.logits(rows).to(torch::kFloat32), /*dim=*/-1);
}

WindowSums score_window(model::Decoder& decoder, const std::vector<int64_t>& ids) {
  torch::NoGradGuard no_grad;
  const auto tuned_rows = predicting_rows(decoder, ids);
  const auto targets = torch::tensor(std::vector<int64_t>(ids.begin() + 1, ids.end())).to(decoder.device()).unsqueeze(1);
  WindowSums sums;
  sums.num_tokens = targets.size(0);
  std::optional<model::PatchesOff> off(std::in_place, decoder);
  const auto base_rows = predicting_rows(decoder, ids);
  for (int64_t at = 0; at < sums.num_tokens; at += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, sums.num_tokens - at);
    off.emplace(decoder);
    const auto base = log_probabilities(decoder, base_rows.narrow(0, at, count));
    off.reset();
    const auto tuned = log_probabilities(decoder, tuned_rows.narrow(0, at, count));
    const auto target = targets.narrow(0, at, count);
    sums.base_loss -= base.gather(1, target).sum(torch::kFloat64).item<double>();
    sums.tuned_loss -= tuned.gather(1, target).sum(torch::kFloat64).item<double>();
    sums.divergence += (base.exp() * (base - tuned)).sum(torch::kFloat64).item<double>();
  }
  return sums;
}

/// The ratio of two sums over windows, with the interval of a ratio estimator (Cochran, Sampling Techniques, 1977, ch. 2.11).
Interval ratio(const std::vector<WindowSums>& windows, double (*value)(const WindowSums&)) {
  double total = 0.0, tokens = 0.0;
  for (const auto& w : windows) {
    total += value(w);
    tokens += static_cast<double>(w.num_tokens);
  }
  const double mean = tokens > 0 ? total / tokens : 0.0;
  const double n = static_cast<double>(windows.size());
  if (n < 2) return {mean, -INFINITY, INFINITY};
  double squares = 0.0;
  for (const auto& w : windows) squares += std::pow(value(w) - mean * static_cast<double>(w.num_tokens), 2);
  const double error = std::sqrt(squares / (n - 1.0) * n) / tokens;
  const double width = boost::math::quantile(boost::math::students_t(n - 1.0), 0.975) * error;
  return {mean, mean - width, mean + width};
}

ForgettingScore summed(const std::string& kind, const std::vector<WindowSums>& windows) {
  ForgettingScore score;
  score.kind = kind;
  score.num_windows = static_cast<int64_t>(windows.size());
  double base = 0.0;
  for (const auto& w : windows) {
    score.num_tokens += w.num_tokens;
    base += w.base_loss;
  }
  score.base_loss = score.num_tokens > 0 ? base / static_cast<double>(score.num_tokens) : 0.0;
  score.loss_change = ratio(windows, [](const WindowSums& w) { return w.tuned_loss - w.base_loss; });
  score.divergence = ratio(windows, [](const WindowSums& w) { return w.divergence; });
  return score;
}

}  // namespace

std::vector<std::vector<int64_t>> windows_of(const std::vector<int64_t>& ids, int64_t length) {
  std::vector<std::vector<int64_t>> windows;
  for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(length)) {
    std::vector<int64_t> window(ids.begin() + at, ids.begin() + std::min(ids.size(), at + static_cast<size_t>(length)));
    if (window.size() >= 2) windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<ForgettingScore> measure_forgetting(model::Decoder& decoder, const std::vector<ForgettingText>& texts,
                                                const std::function<bool()>& cancelled) {
  std::vector<ForgettingScore> scores;
  std::vector<WindowSums> all;
  for (const auto& text : texts) {
    std::vector<WindowSums> windows;
    for (const auto& window : text.windows) {
      if (cancelled && cancelled()) return scores;
      windows.push_back(score_window(decoder, window));
    }
    scores.push_back(summed(text.kind, windows));
    all.insert(all.end(), windows.begin(), windows.end());
  }
  scores.push_back(summed("all", all));
  return scores;
}

}  // namespace peftlab::evaluate
