#include "core/kernels/decode_attention.h"

#include <torch/all.h>

#include <limits>

#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

bool fits(const torch::Tensor& x, at::IntArrayRef sizes, torch::ScalarType type) {
  return x.defined() && x.sizes() == sizes && x.scalar_type() == type;
}

void check(const torch::Tensor& q, const DecodeCache& cache) {
  TORCH_CHECK(q.dim() == 3 && cache.own_k.dim() == 4 && cache.own_k.sizes() == cache.own_v.sizes() &&
                  cache.own_k.size(0) == q.size(0) && cache.own_k.size(3) == q.size(2) && cache.own_k.size(2) > 0 &&
                  q.size(1) % cache.own_k.size(2) == 0,
              "decode_attention: q (B, H, D) needs own keys and values (B, T, K, D) with H a multiple of K, got ", q.sizes(),
              ", ", cache.own_k.sizes(), " and ", cache.own_v.sizes());
  const int64_t batch = q.size(0);
  TORCH_CHECK(fits(cache.lengths, {batch}, torch::kInt64) && fits(cache.positions, {batch}, torch::kInt64),
              "decode_attention: lengths and positions must be ", batch, " int64");
  TORCH_CHECK(batch == 0 || (cache.lengths.min().item<int64_t>() >= 1 &&
                             cache.lengths.max().item<int64_t>() <= cache.own_k.size(1)),
              "decode_attention: lengths must lie in 1 .. ", cache.own_k.size(1));
  TORCH_CHECK(cache.shared_k.defined() == cache.shared_v.defined(), "decode_attention: shared_k and shared_v come together");
  if (!cache.shared_k.defined()) return;
  const int64_t shared = cache.shared_k.size(0);
  const std::vector<int64_t> sizes{shared, cache.own_k.size(2), q.size(2)};
  TORCH_CHECK(fits(cache.shared_k, sizes, q.scalar_type()) && fits(cache.shared_v, sizes, q.scalar_type()) &&
                  fits(cache.shared_positions, {shared}, torch::kInt64),
              "decode_attention: shared keys of ", cache.shared_k.sizes(), " do not fit own keys of ", cache.own_k.sizes());
}

}  // namespace

namespace slow {

torch::Tensor decode_attention(const torch::Tensor& q, const DecodeCache& cache, const AttentionOptions& options) {
  check(q, cache);
  const torch::NoGradGuard no_grad;
  const auto type = sum_type(q.scalar_type());
  const int64_t batch = q.size(0), rows = cache.own_k.size(1), heads = cache.own_k.size(2), width = q.size(2);
  const auto last = cache.positions.reshape({-1, 1});
  const auto index = torch::arange(rows).unsqueeze(0);
  auto positions = last - cache.lengths.reshape({-1, 1}) + 1 + index;  // (B, T)
  auto seen = index < cache.lengths.reshape({-1, 1});
  auto keys = cache.own_k, values = cache.own_v;
  if (cache.shared_k.defined()) {
    const int64_t shared = cache.shared_k.size(0);
    keys = torch::cat({cache.shared_k.unsqueeze(0).expand({batch, shared, heads, width}), keys}, /*dim=*/1);
    values = torch::cat({cache.shared_v.unsqueeze(0).expand({batch, shared, heads, width}), values}, /*dim=*/1);
    positions = torch::cat({cache.shared_positions.reshape({1, -1}).expand({batch, shared}), positions}, /*dim=*/1);
    seen = torch::cat({torch::ones({batch, shared}, torch::kBool), seen}, /*dim=*/1);
  }
  if (options.window > 0) seen = seen.logical_and(last - options.window < positions);
  const auto rows_of_head = q.to(type).reshape({batch, heads, -1, width});  // (B, K, G, D)
  auto scores = torch::matmul(rows_of_head, keys.to(type).permute({0, 2, 3, 1})) * options.scale;  // (B, K, G, S + T)
  if (options.softcap > 0) scores = (scores / options.softcap).tanh() * options.softcap;
  const auto hidden = seen.logical_not().to(q.device()).reshape({batch, 1, 1, -1});
  scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  // A row that is not valid may hold anything; its weight is 0, but 0 times infinity is not.
  const auto clean = values.to(type).masked_fill(hidden.reshape({batch, -1, 1, 1}), 0.0);
  const auto mixed = torch::matmul(scores.softmax(/*dim=*/-1), clean.transpose(1, 2));  // (B, K, G, D)
  return mixed.reshape_as(q).to(q.scalar_type());
}

}  // namespace slow

torch::Tensor decode_attention(const torch::Tensor& q, const DecodeCache& cache, const AttentionOptions& options) {
  return slow::decode_attention(q, cache, options);
}

}  // namespace peftlab::kernels
