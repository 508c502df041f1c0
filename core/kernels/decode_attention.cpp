#include "core/kernels/decode_attention.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <limits>

#include "core/kernels/loops/decode_worker.h"
#include "core/kernels/loops/tile_product.h"
#include "core/kernels/parallel.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

bool fits(const torch::Tensor& x, at::IntArrayRef sizes, torch::ScalarType type) {
  return x.defined() && x.sizes() == sizes && x.scalar_type() == type;
}

bool own_fit(const torch::Tensor& k, const torch::Tensor& v) {
  return k.dim() == 4 && v.dim() == 4 && v.sizes() == at::IntArrayRef({k.size(0), k.size(3), k.size(1), k.size(2)}) &&
         places(k.size(3)) == k.size(3);
}

void check(const torch::Tensor& q, const DecodeCache& cache) {
  TORCH_CHECK(q.dim() == 3 && own_fit(cache.own_k, cache.own_v) && cache.own_k.size(0) == q.size(0) &&
                  cache.own_k.size(2) == q.size(2) && cache.own_k.size(1) > 0 && q.size(1) % cache.own_k.size(1) == 0,
              "decode_attention: q (B, H, D) needs own keys (B, K, D, T) and values (B, T, K, D) with H a multiple of K and T of ",
              loops::kTileWidth, ", got ", q.sizes(), ", ", cache.own_k.sizes(), " and ", cache.own_v.sizes());
  const int64_t batch = q.size(0);
  TORCH_CHECK(cache.own_k.scalar_type() == q.scalar_type() && cache.own_v.scalar_type() == q.scalar_type(),
              "decode_attention: q and own keys and values are ", q.scalar_type(), ", ", cache.own_k.scalar_type(), " and ",
              cache.own_v.scalar_type(), ", expected one type");
  TORCH_CHECK(fits(cache.lengths, {batch}, torch::kInt64) && fits(cache.positions, {batch}, torch::kInt64),
              "decode_attention: lengths and positions must be ", batch, " int64");
  TORCH_CHECK(batch == 0 || (cache.lengths.min().item<int64_t>() >= 1 &&
                             cache.lengths.max().item<int64_t>() <= cache.own_k.size(3)),
              "decode_attention: lengths must lie in 1 .. ", cache.own_k.size(3));
  TORCH_CHECK(cache.shared_k.defined() == cache.shared_v.defined(), "decode_attention: shared_k and shared_v come together");
  if (!cache.shared_k.defined()) return;
  const int64_t shared = cache.shared_k.size(0);
  const std::vector<int64_t> sizes{shared, cache.own_k.size(1), q.size(2)};
  TORCH_CHECK(fits(cache.shared_k, sizes, q.scalar_type()) && fits(cache.shared_v, sizes, q.scalar_type()) &&
                  fits(cache.shared_positions, {shared}, torch::kInt64),
              "decode_attention: shared keys of ", cache.shared_k.sizes(), " do not fit own keys of ", cache.own_k.sizes());
}

torch::Tensor contiguous_or_none(const torch::Tensor& x) { return x.defined() ? x.contiguous() : x; }

/// For each sequence the place of the first shared and the first own key within the window.
struct FirstSeen {
  std::vector<int64_t> shared, own;  // (B)
};

FirstSeen first_seen(const DecodeCache& cache, int64_t window) {
  const int64_t batch = cache.lengths.numel();
  FirstSeen seen{std::vector<int64_t>(batch, 0), std::vector<int64_t>(batch, 0)};
  if (window == 0) return seen;
  const auto lengths = cache.lengths.contiguous(), positions = cache.positions.contiguous();
  const auto shared = contiguous_or_none(cache.shared_positions);
  const int64_t* const from = elements<int64_t>(shared);
  const int64_t* const to = from + (shared.defined() ? shared.numel() : 0);
  TORCH_CHECK(std::is_sorted(from, to), "decode_attention: shared_positions must not go back");
  for (int64_t i = 0; i < batch; ++i) {
    const int64_t last = elements<int64_t>(positions)[i];
    seen.shared[i] = std::upper_bound(from, to, last - window) - from;
    seen.own[i] = std::max<int64_t>(0, elements<int64_t>(lengths)[i] - window);
  }
  return seen;
}

template <typename T>
void run_blocks(const loops::DecodeInputs<T>& inputs, int64_t batch, T* result) {
  constexpr int64_t kSequences = 32;  // that share one pass over the shared keys
  const int64_t blocks = (batch + kSequences - 1) / kSequences;
  parallel_for(0, inputs.shape.kv_heads * blocks, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * kSequences;
      loops::decode_block(inputs, i / blocks, first, std::min(first + kSequences, batch), result);
    }
  });
}

}  // namespace

int64_t places(int64_t n) { return loops::padded(n); }

namespace slow {

torch::Tensor decode_attention(const torch::Tensor& q, const DecodeCache& cache, const AttentionOptions& options) {
  check(q, cache);
  const torch::NoGradGuard no_grad;
  const auto type = sum_type(q.scalar_type());
  const int64_t batch = q.size(0), rows = cache.own_k.size(3), heads = cache.own_k.size(1), width = q.size(2);
  const auto last = cache.positions.reshape({-1, 1});
  const auto index = torch::arange(rows).unsqueeze(0);
  auto positions = last - cache.lengths.reshape({-1, 1}) + 1 + index;  // (B, T)
  auto seen = index < cache.lengths.reshape({-1, 1});
  auto keys = cache.own_k.permute({0, 3, 1, 2}), values = cache.own_v;
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
  if (!has_fast_rows(q)) return slow::decode_attention(q, cache, options);
  check(q, cache);
  const torch::NoGradGuard no_grad;
  const auto own_k = cache.own_k.contiguous(), own_v = cache.own_v.contiguous();
  const auto seen = first_seen(cache, options.window);
  const auto rows = q.contiguous();
  const auto shared_k = contiguous_or_none(cache.shared_k), shared_v = contiguous_or_none(cache.shared_v);
  const auto lengths = cache.lengths.contiguous();
  auto result = torch::empty_like(rows);
  with_row_type(q.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    const loops::DecodeInputs<T> inputs{
        {q.size(1), own_k.size(1), q.size(2)},
        {static_cast<float>(options.scale), static_cast<float>(options.softcap)},
        elements<T>(rows), elements<T>(shared_k), elements<T>(shared_v), shared_k.defined() ? shared_k.size(0) : 0,
        elements<T>(own_k), elements<T>(own_v), own_k.size(3),
        elements<int64_t>(lengths), seen.shared.data(), seen.own.data()};
    run_blocks(inputs, q.size(0), mutable_elements<T>(result));
  });
  return result;
}

}  // namespace peftlab::kernels
