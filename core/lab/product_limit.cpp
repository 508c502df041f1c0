#include "core/lab/product_limit.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>

namespace peftlab::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kSquare = 2048;
constexpr int kTries = 3;

}  // namespace

ProductLimit::ProductLimit(const model::Decoder& decoder)
    : numbers_(torch::randn({2, kSquare * kSquare}).to(decoder.type())) {
  for (const auto& slot : decoder.weights().linears()) shapes_.emplace(slot.base.out(), slot.base.in());
}

double ProductLimit::now(int64_t rows) const {
  double best = rate(kSquare, kSquare, kSquare);
  for (const auto& [out, in] : shapes_) best = std::max(best, rate(rows, out, in));
  return best;
}

double ProductLimit::rate(int64_t rows, int64_t out, int64_t in) const {
  const torch::NoGradGuard no_grad;
  if (out * in > kSquare * kSquare) return 0.0;  // larger than the square, and no faster
  rows = std::clamp<int64_t>(rows, 1, kSquare * kSquare / in);
  const auto x = numbers_[0].narrow(0, 0, rows * in).view({rows, in}),
             w = numbers_[1].narrow(0, 0, out * in).view({out, in});
  double best = 0.0;
  for (int i = 0; i < kTries; ++i) {
    const auto start = Clock::now();
    const auto y = at::linear(x, w);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(rows * out * in) / seconds);
  }
  return best;
}

}  // namespace peftlab::lab
