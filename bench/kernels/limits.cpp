#include "bench/kernels/limits.h"

#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <map>

namespace peftlab::bench {
namespace {

constexpr int kTries = 20;
constexpr int64_t kSquare = 2048;

template <typename F>
double least_seconds(F f) {
  double least = 1e9;
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

double measured_product(torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const auto a = torch::randn({kSquare, kSquare}).to(type), b = torch::randn({kSquare, kSquare}).to(type);
  return 2.0 * static_cast<double>(kSquare * kSquare * kSquare) / least_seconds([&] { at::mm(a, b); });
}

}  // namespace

double product_limit(torch::ScalarType type) {
  static std::map<torch::ScalarType, double> known;
  const auto [at, fresh] = known.emplace(type, 0.0);
  if (fresh) at->second = measured_product(type);
  return at->second;
}

double copy_limit(int64_t bytes) {
  static std::map<int64_t, double> known;
  const auto [at, fresh] = known.emplace(bytes, 0.0);
  if (fresh) {
    const auto from = torch::zeros({bytes}, torch::kUInt8), to = torch::zeros_like(from);
    at->second = 2.0 * static_cast<double>(bytes) / least_seconds([&] { to.copy_(from); });
  }
  return at->second;
}

}  // namespace peftlab::bench
