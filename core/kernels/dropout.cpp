#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "core/kernels/dropout_clock.h"
#include "core/kernels/loops/dropout_loops.h"
#include "core/kernels/mixing.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"
#include "peftlab/ops.h"

namespace peftlab {

namespace {

constexpr int64_t kGrain = 8192;
constexpr int kBits = 24;  // a draw is one of 2^24 numbers

/// (x >> bits) as if x were unsigned.
torch::Tensor shifted(const torch::Tensor& x, int64_t bits) {
  return x.bitwise_right_shift(bits).bitwise_and((int64_t{1} << (64 - bits)) - 1);
}

/// The draws for elements 0 .. n-1 in plain operations, on any device: (n) int64 below 2^kBits.
torch::Tensor draws(uint64_t key, int64_t n, torch::Device device) {
  auto x = torch::arange(n, torch::dtype(torch::kInt64).device(device));
  x = (x + 1) * static_cast<int64_t>(kernels::kGolden) + static_cast<int64_t>(key);
  x = x.bitwise_xor(shifted(x, 30)) * static_cast<int64_t>(0xBF58476D1CE4E5B9u);
  x = x.bitwise_xor(shifted(x, 27)) * static_cast<int64_t>(0x94D049BB133111EBu);
  return shifted(x.bitwise_xor(shifted(x, 31)), 64 - kBits);
}

torch::Tensor fast_masked(const torch::Tensor& input, double p, uint64_t key, uint64_t threshold) {
  const auto x = input.contiguous();
  auto y = torch::empty_like(x);
  kernels::with_row_type(x.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    kernels::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
      const kernels::loops::DropoutSpan span{key, static_cast<uint64_t>(begin), end - begin, threshold,
                                             static_cast<float>(1.0 / (1.0 - p))};
      kernels::loops::dropout_span(span, kernels::elements<T>(x) + begin, kernels::mutable_elements<T>(y) + begin);
    });
  });
  return y;
}

torch::Tensor masked(const torch::Tensor& x, double p, uint64_t key) {
  const auto threshold = static_cast<int64_t>(std::llround(p * (1 << kBits)));
  if (kernels::has_fast_rows(x)) return fast_masked(x, p, key, static_cast<uint64_t>(threshold));
  const auto keep = draws(key, x.numel(), x.device()).ge(threshold).reshape(x.sizes());
  return torch::where(keep, x * (1.0 / (1.0 - p)), torch::zeros({}, x.options()));
}

class Dropout : public torch::autograd::Function<Dropout> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, const torch::Tensor& x, double p, int64_t key) {
    ctx->saved_data["p"] = p;
    ctx->saved_data["key"] = key;
    return masked(x, p, static_cast<uint64_t>(key));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto key = static_cast<uint64_t>(ctx->saved_data["key"].toInt());
    return {masked(grads[0], ctx->saved_data["p"].toDouble(), key), {}, {}};
  }
};

}  // namespace

uint64_t salt_of(std::string_view name) {
  uint64_t salt = kernels::mixed(name.size());
  for (const unsigned char c : name) salt = kernels::mixed(salt ^ c);
  return salt;
}

torch::Tensor dropout(const torch::Tensor& x, double p, uint64_t salt) {
  TORCH_CHECK(p >= 0 && p < 1, "dropout: the probability must lie in [0, 1), got ", p);
  if (p == 0 || kernels::dropout_is_off()) return x;
  const kernels::Recorded recorded("dropout");
  return Dropout::apply(x, p, static_cast<int64_t>(kernels::dropout_key(salt)));
}

}  // namespace peftlab
