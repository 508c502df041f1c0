// Attention over a tree against the dense twin and against libtorch's attention over padded sequences.
#include "bench/kernels/shapes.h"
#include "core/kernels/attention.h"
#include "core/kernels/decode_attention.h"

namespace peftlab::bench {
namespace {

enum class How { kTree, kTwin, kPadded };

kernels::Layout layout_of(int64_t root, int64_t children, int64_t tokens) {
  kernels::Layout layout;
  std::vector<torch::Tensor> positions;
  if (root > 0) {
    layout.segments.push_back({0, root, -1});
    positions.push_back(torch::arange(root));
  }
  for (int64_t i = 0; i < children; ++i) {
    layout.segments.push_back({root + i * tokens, root + (i + 1) * tokens, root > 0 ? 0 : -1});
    positions.push_back(torch::arange(root, root + tokens));
  }
  layout.positions = torch::cat(positions);
  return layout;
}

/// Query and key pairs of all heads times two products forward and five backward, each of a head's width.
double attention_flop(int64_t root, int64_t children, int64_t tokens) {
  const auto triangle = [](int64_t n) { return n * (n + 1) / 2; };
  const int64_t pairs = triangle(root) + children * (tokens * root + triangle(tokens));
  return 14.0 * static_cast<double>(pairs * kHeads * kHeadWidth);
}

void attention(benchmark::State& state, How how, torch::ScalarType type, int64_t root, int64_t children, int64_t tokens) {
  const int64_t rows = root + children * tokens, length = root + tokens;
  const auto layout = layout_of(root, children, tokens);
  const kernels::AttentionOptions options{0.125};
  const Work work{type, attention_flop(root, children, tokens)};
  if (how == How::kPadded) {
    const auto q = random({children, kHeads, length, kHeadWidth}, type, true);
    const auto k = random({children, kKvHeads, length, kHeadWidth}, type, true);
    const auto v = random({children, kKvHeads, length, kHeadWidth}, type, true);
    return measure(state, [&] {
      return at::scaled_dot_product_attention(q, k.repeat_interleave(3, 1), v.repeat_interleave(3, 1), {}, 0.0, true, 0.125);
    }, {q, k, v}, work);
  }
  const auto q = random({rows, kHeads, kHeadWidth}, type, true);
  const auto k = random({rows, kKvHeads, kHeadWidth}, type, true), v = random({rows, kKvHeads, kHeadWidth}, type, true);
  measure(state, [&] {
    return how == How::kTree ? kernels::attention(q, k, v, {}, {}, layout, options)
                             : kernels::slow::attention(q, k, v, {}, {}, layout, options);
  }, {q, k, v}, work);
}

#define TREE(type, root, children, tokens)                                                                                    \
  BENCHMARK_CAPTURE(attention, twin_##type##_##root##_##children##x##tokens, How::kTwin, torch::type, root, children, tokens) \
      ->UseRealTime()->Unit(benchmark::kMillisecond);                                                                         \
  BENCHMARK_CAPTURE(attention, padded_##type##_##root##_##children##x##tokens, How::kPadded, torch::type, root, children,     \
                    tokens)->UseRealTime()->Unit(benchmark::kMillisecond);                                                    \
  BENCHMARK_CAPTURE(attention, tree_##type##_##root##_##children##x##tokens, How::kTree, torch::type, root, children, tokens) \
      ->UseRealTime()->Unit(benchmark::kMillisecond)
TREE(kBFloat16, 120, 16, 70);
TREE(kBFloat16, 120, 4, 70);
TREE(kBFloat16, 0, 1, 512);
TREE(kBFloat16, 0, 4, 1024);
TREE(kFloat32, 120, 16, 70);
TREE(kFloat32, 0, 1, 512);

void decode(benchmark::State& state, bool fast, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  constexpr int64_t kBatch = 40, kShared = 118, kRoom = 96, kOwn = 60;
  const kernels::DecodeCache cache{random({kShared, kKvHeads, kHeadWidth}, type),
                                   random({kShared, kKvHeads, kHeadWidth}, type),
                                   random({kBatch, kKvHeads, kHeadWidth, kRoom}, type),
                                   random({kBatch, kRoom, kKvHeads, kHeadWidth}, type),
                                   torch::full({kBatch}, kOwn, torch::kInt64),
                                   torch::arange(kShared),
                                   torch::full({kBatch}, kShared + kOwn - 1, torch::kInt64)};
  const auto q = random({kBatch, kHeads, kHeadWidth}, type);
  measure(state, [&] {
    return fast ? kernels::decode_attention(q, cache, {0.125}) : kernels::slow::decode_attention(q, cache, {0.125});
  }, {}, {type, 4.0 * static_cast<double>(kBatch * (kShared + kOwn) * kHeads * kHeadWidth)});
}
BENCHMARK_CAPTURE(decode, twin_bf16, false, torch::kBFloat16)->UseRealTime();
BENCHMARK_CAPTURE(decode, fast_bf16, true, torch::kBFloat16)->UseRealTime();
BENCHMARK_CAPTURE(decode, twin_f32, false, torch::kFloat32)->UseRealTime();
BENCHMARK_CAPTURE(decode, fast_f32, true, torch::kFloat32)->UseRealTime();

}  // namespace
}  // namespace peftlab::bench
