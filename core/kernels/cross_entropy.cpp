#include "core/kernels/cross_entropy.h"

#include "core/kernels/absent.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/kernels/loops/softmax_loops.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/row_multiple.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kChunkBytes = int64_t{64} << 20;

torch::Tensor capped(const torch::Tensor& z, double softcap) {
  return softcap > 0 ? (z / softcap).tanh() * softcap : z;
}

/// The output head as the chunks see it.
struct Head {
  torch::Tensor weight;  // (V, C), in h's type
  torch::Tensor bias;    // (V) or undefined, in h's type
  double softcap;

  int64_t vocab() const { return weight.size(0); }
  /// Rows whose logits, in float32, fill kChunkBytes.
  int64_t chunk_rows() const { return std::max<int64_t>(1, kChunkBytes / (4 * std::max<int64_t>(1, vocab()))); }
  torch::Tensor raw_logits(const torch::Tensor& h) const { return at::linear(h, weight, bias).contiguous(); }
};

/// h (n, C) with rows of zeros below, as many as are best given to a product.
torch::Tensor with_best_rows(const torch::Tensor& h) {
  const int64_t missing = best_rows(h.size(0), h.scalar_type(), h.device()) - h.size(0);
  return missing == 0 ? h : torch::cat({h, torch::zeros({missing, h.size(1)}, h.options())});
}

/// Log-sum-exp of each row of z (n, V) after the cap: (n).
torch::Tensor log_sums(const torch::Tensor& z, double softcap) {
  if (!has_fast_rows(z)) return capped(z.to(sum_type(z.scalar_type())), softcap).logsumexp(/*dim=*/1);
  const int64_t vocab = z.size(1);
  const auto sums = torch::empty({z.size(0)}, torch::kFloat32);
  with_row_type(z.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, z.size(0), rows_for_a_thread(vocab), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        sums.mutable_data_ptr<float>()[i] =
            loops::log_sum_exp(vocab, static_cast<float>(softcap), elements<T>(z) + i * vocab);
      }
    });
  });
  return sums;
}

/// z (n, V), overwritten where the loops apply, as the gradient of each row's loss times `scale` (n) with respect to the logits
/// before the cap: (n, V) in z's type.
torch::Tensor logit_gradients(torch::Tensor z, const torch::Tensor& sums, const torch::Tensor& targets,
                              const torch::Tensor& scale, double softcap) {
  if (!has_fast_rows(z)) {
    const auto capped_z = capped(z.to(sums.scalar_type()), softcap);
    auto g = (capped_z - sums.unsqueeze(1)).exp();
    g.scatter_add_(/*dim=*/1, targets.unsqueeze(1), torch::full({z.size(0), 1}, -1.0, g.options()));
    if (softcap > 0) g.mul_(1 - (capped_z / softcap).square());
    return g.mul_(scale.unsqueeze(1)).to(z.scalar_type());
  }
  const int64_t vocab = z.size(1);
  with_row_type(z.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, z.size(0), rows_for_a_thread(vocab), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        loops::logits_to_gradient(vocab, static_cast<float>(softcap), elements<float>(sums)[i], elements<int64_t>(targets)[i],
                           elements<float>(scale)[i], mutable_elements<T>(z) + i * vocab);
      }
    });
  });
  return z;
}

torch::Tensor losses_of(const torch::Tensor& z, const torch::Tensor& sums, const torch::Tensor& targets, double softcap) {
  const auto hit = z.gather(/*dim=*/1, targets.unsqueeze(1)).squeeze(1).to(sums.scalar_type());
  return sums - capped(hit, softcap);
}

/// Calls f(first row, number of rows) for each chunk.
template <typename F>
void for_each_chunk(int64_t num_rows, int64_t chunk_rows, F f) {
  for (int64_t begin = 0; begin < num_rows; begin += chunk_rows) f(begin, std::min(chunk_rows, num_rows - begin));
}

/// A frozen head: the gradient of each row is made while its logits are there, and only scaled later.
class FrozenHeadLoss : public torch::autograd::Function<FrozenHeadLoss> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& h, const torch::Tensor& weight,
                               const torch::Tensor& bias_or_none, const torch::Tensor& targets, double softcap, bool with_gradient) {
    const auto bias = given(bias_or_none);
    const Head head{weight.to(h.scalar_type()), bias.defined() ? bias.to(h.scalar_type()) : bias, softcap};
    auto losses = torch::empty({h.size(0)}, h.options().dtype(sum_type(h.scalar_type())));
    auto dh = with_gradient ? torch::empty_like(h) : torch::Tensor();
    for_each_chunk(h.size(0), head.chunk_rows(), [&](int64_t begin, int64_t count) {
      const auto all_z = head.raw_logits(with_best_rows(h.narrow(0, begin, count)));
      const auto z = all_z.narrow(0, 0, count);
      const auto hit = targets.narrow(0, begin, count);
      const auto sums = log_sums(z, softcap);
      losses.narrow(0, begin, count).copy_(losses_of(z, sums, hit, softcap));
      if (!with_gradient) return;
      const auto dz = logit_gradients(z, sums, hit, torch::ones_like(sums), softcap);
      // The loops overwrite z; what else they leave lies elsewhere.
      const auto all_dz = dz.is_same(z) ? all_z : dz;
      dh.narrow(0, begin, count).copy_(at::mm(all_dz, head.weight).narrow(0, 0, count));
    });
    if (with_gradient) ctx->save_for_backward({dh});
    return losses;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto dh = ctx->get_saved_variables()[0];
    return {(dh * grads[0].unsqueeze(1)).to(dh.scalar_type()), {}, {}, {}, {}, {}};
  }
};

/// A trained head: its gradient mixes rows by their weights, which only the backward knows.
class TrainedHeadLoss : public torch::autograd::Function<TrainedHeadLoss> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& h, const torch::Tensor& weight,
                               const torch::Tensor& bias_or_none, const torch::Tensor& targets, double softcap) {
    const auto bias = given(bias_or_none);
    const Head head{weight.to(h.scalar_type()), bias.defined() ? bias.to(h.scalar_type()) : bias, softcap};
    const auto all_sums = torch::empty({h.size(0)}, h.options().dtype(sum_type(h.scalar_type())));
    auto losses = torch::empty_like(all_sums);
    for_each_chunk(h.size(0), head.chunk_rows(), [&](int64_t begin, int64_t count) {
      const auto z = head.raw_logits(h.narrow(0, begin, count));
      const auto sums = log_sums(z, softcap);
      all_sums.narrow(0, begin, count).copy_(sums);
      losses.narrow(0, begin, count).copy_(losses_of(z, sums, targets.narrow(0, begin, count), softcap));
    });
    ctx->save_for_backward({h, weight, bias_or_none, targets, all_sums});
    ctx->saved_data["softcap"] = softcap;
    return losses;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto bias = given(saved[2]);
    const auto &h = saved[0], &weight = saved[1], &targets = saved[3], &sums = saved[4];
    const Head head{weight.to(h.scalar_type()), bias.defined() ? bias.to(h.scalar_type()) : bias,
                    ctx->saved_data["softcap"].toDouble()};
    const auto scale = grads[0].contiguous();
    const auto wide = sums.scalar_type();
    torch::Tensor dh, d_weight, d_bias;
    if (ctx->needs_input_grad(0)) dh = torch::empty_like(h);
    if (ctx->needs_input_grad(1)) d_weight = torch::zeros(weight.sizes(), weight.options().dtype(wide));
    if (bias.defined() && ctx->needs_input_grad(2)) d_bias = torch::zeros(bias.sizes(), bias.options().dtype(wide));
    for_each_chunk(h.size(0), head.chunk_rows(), [&](int64_t begin, int64_t count) {
      const auto rows = h.narrow(0, begin, count);
      const auto dz = logit_gradients(head.raw_logits(rows), sums.narrow(0, begin, count), targets.narrow(0, begin, count),
                                      scale.narrow(0, begin, count), head.softcap);
      if (dh.defined()) dh.narrow(0, begin, count).copy_(at::mm(dz, head.weight));
      if (d_weight.defined()) d_weight.add_(at::mm(dz.t(), rows));
      if (d_bias.defined()) d_bias.add_(dz.sum(/*dim=*/0, /*keepdim=*/false, wide));
    });
    if (d_weight.defined()) d_weight = d_weight.to(weight.scalar_type());
    if (d_bias.defined()) d_bias = d_bias.to(bias.scalar_type());
    return {dh, d_weight, d_bias, {}, {}};
  }
};

void check(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& targets) {
  TORCH_CHECK(h.dim() == 2 && weight.dim() == 2 && h.size(1) == weight.size(1) && weight.size(0) > 0 &&
                  (!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0))),
              "linear_cross_entropy: h (M, C) needs a weight (V, C) and a bias (V) or none, got ", h.sizes(), ", ",
              weight.sizes(), " and ", bias.defined() ? bias.sizes() : at::IntArrayRef{});
  TORCH_CHECK(targets.dim() == 1 && targets.size(0) == h.size(0) && targets.scalar_type() == torch::kInt64,
              "linear_cross_entropy: ", h.size(0), " rows need as many int64 targets, got ", targets.sizes(), " ",
              targets.scalar_type());
  if (targets.numel() == 0 || !targets.device().is_cpu()) return;
  const auto [least, most] = targets.aminmax();
  TORCH_CHECK(least.item<int64_t>() >= 0 && most.item<int64_t>() < weight.size(0), "linear_cross_entropy: targets lie in ",
              least.item<int64_t>(), " .. ", most.item<int64_t>(), ", expected 0 .. ", weight.size(0) - 1);
}

}  // namespace

torch::Tensor logits(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias, double softcap) {
  return capped(at::linear(h, weight, bias), softcap);
}

namespace slow {

torch::Tensor linear_cross_entropy(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias,
                                   const torch::Tensor& targets, double softcap) {
  check(h, weight, bias, targets);
  const auto z = capped(at::linear(h, weight, bias).to(sum_type(h.scalar_type())), softcap);
  return z.logsumexp(/*dim=*/1) - z.gather(/*dim=*/1, targets.unsqueeze(1)).squeeze(1);
}

}  // namespace slow

torch::Tensor linear_cross_entropy(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias,
                                   const torch::Tensor& targets, double softcap) {
  const Recorded recorded("linear_cross_entropy");
  check(h, weight, bias, targets);
  const auto rows = h.contiguous();
  const auto hits = targets.contiguous();
  if (wants_gradient(weight) || wants_gradient(bias)) return TrainedHeadLoss::apply(rows, weight, stand_in(bias), hits, softcap);
  return FrozenHeadLoss::apply(rows, weight, stand_in(bias), hits, softcap, wants_gradient(h));
}

}  // namespace peftlab::kernels
