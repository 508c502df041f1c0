#include "core/kernels/attention.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <memory>
#include <type_traits>

#include "core/kernels/absent.h"
#include "core/kernels/attention_checks.h"
#include "core/kernels/attention_tree.h"
#include "core/kernels/loops/attention_unit.h"
#include "core/kernels/loops/attention_worker.h"
#include "core/kernels/loops/tile_product.h"
#include "core/kernels/loops/tile_rows.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGradientBytes = int64_t{256} << 20;  // what all shares of key and value gradients may take

struct PlanHandle : torch::CustomClassHolder {
  explicit PlanHandle(loops::AttentionPlan it) : plan(std::move(it)) {}
  loops::AttentionPlan plan;
};

/// Shares for the backward: each has its own sums over keys, which many threads on a long batch could not afford.
int64_t num_back_shares(const loops::AttentionPlan& plan) {
  const int64_t head_bytes = 8 * (plan.num_rows + plan.num_context) * loops::padded(plan.shape.width);
  const int64_t affordable = kGradientBytes / std::max<int64_t>(1, head_bytes) - plan.shape.kv_heads;
  return std::clamp<int64_t>(affordable, 1, at::get_num_threads());
}

/// One gradient (rows, K, D): the sum of the shares' rows from `first` on.
torch::Tensor gathered(const loops::AttentionPlan& plan, const std::vector<loops::KeyGradients>& shares,
                       std::vector<float> loops::KeyGradients::* member, int64_t first, const torch::Tensor& like) {
  auto result = torch::empty_like(like);
  const int64_t width = plan.shape.width, step = loops::padded(width), heads = plan.shape.kv_heads;
  const int64_t head_size = (plan.num_context + plan.num_rows) * step;
  const auto sum_row = [&](int64_t row, int64_t head, float* sum) {
    std::fill_n(sum, width, 0.0f);
    for (const auto& share : shares) {
      if (head < share.first_head || head >= share.first_head + share.heads) continue;
      loops::add_row(width, (share.*member).data() + (head - share.first_head) * head_size + (first + row) * step, sum);
    }
  };
  with_row_type(like.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, like.size(0), rows_for_a_thread(heads * width), [&](int64_t begin, int64_t end) {
      std::vector<float> sum(width);
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t head = 0; head < heads; ++head) {
          sum_row(row, head, sum.data());
          loops::store_row(width, sum.data(), /*scale=*/1.0f, mutable_elements<T>(result) + (row * heads + head) * width);
        }
      }
    });
  });
  return result;
}

/// A share's forward pass by whichever loops suit the processor.
template <typename T>
void work_through(const loops::AttentionPlan& plan, const loops::AttentionInputs<T>& inputs,
                  const std::vector<loops::Work>& share, T* result, float* log_sums) {
  if constexpr (std::is_same_v<T, loops::Bfloat16>) {
    if (loops::fits_unit(plan.shape)) return loops::attend_on_unit(plan, inputs, share, result, log_sums);
  }
  loops::attend(plan, inputs, share, result, log_sums);
}

template <typename T>
loops::KeyGradients work_back(const loops::AttentionPlan& plan, const loops::AttentionInputs<T>& inputs,
                              const std::vector<loops::Work>& share, const T* d_result, const float* log_sums,
                              const loops::AttentionWants& wants, T* dq) {
  if constexpr (std::is_same_v<T, loops::Bfloat16>) {
    if (loops::fits_unit(plan.shape)) {
      return loops::attend_back_on_unit(plan, inputs, share, d_result, log_sums, wants, dq);
    }
  }
  return loops::attend_back(plan, inputs, share, d_result, log_sums, wants, dq);
}

class TreeAttention : public torch::autograd::Function<TreeAttention> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const torch::Tensor& context_k, const torch::Tensor& context_v,
                               c10::intrusive_ptr<PlanHandle> handle) {
    const auto& plan = handle->plan;
    auto result = torch::empty_like(q);
    const auto log_sums = torch::empty({q.size(0), q.size(1)}, torch::kFloat32);
    const auto shares = loops::share_out(plan, at::get_num_threads());
    with_row_type(q.scalar_type(), [&](auto tag) {
      using T = decltype(tag);
      const auto inputs = inputs_of<T>({q, k, v, context_k, context_v});
      parallel_for(0, static_cast<int64_t>(shares.size()), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          work_through<T>(plan, inputs, shares[i], mutable_elements<T>(result), mutable_elements<float>(log_sums));
        }
      });
    });
    ctx->save_for_backward({q, k, v, context_k, context_v, log_sums});
    ctx->saved_data["plan"] = c10::IValue::make_capsule(std::move(handle));
    return result;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto handle = c10::static_intrusive_pointer_cast<PlanHandle>(ctx->saved_data["plan"].toCapsule());
    const auto& plan = handle->plan;
    bool need[5];
    for (size_t i = 0; i < 5; ++i) need[i] = ctx->needs_input_grad(i);
    const loops::AttentionWants wants{need[0], need[1] || need[3], need[2] || need[4], need[3] || need[4]};
    const auto work = loops::share_out(plan, num_back_shares(plan));
    std::vector<loops::KeyGradients> shares(work.size());
    const auto d_result = grads[0].contiguous();
    const auto dq = need[0] ? torch::empty_like(saved[0]) : torch::Tensor();
    with_row_type(saved[0].scalar_type(), [&](auto tag) {
      using T = decltype(tag);
      parallel_for(0, static_cast<int64_t>(work.size()), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          shares[i] = work_back<T>(plan, inputs_of<T>(saved), work[i], elements<T>(d_result), elements<float>(saved[5]),
                                   wants, mutable_elements<T>(dq));
        }
      });
    });
    const auto gradient = [&](size_t input, std::vector<float> loops::KeyGradients::* member, int64_t first) {
      return need[input] ? gathered(plan, shares, member, first, saved[input]) : torch::Tensor();
    };
    return {dq,
            gradient(1, &loops::KeyGradients::dk, plan.num_context),
            gradient(2, &loops::KeyGradients::dv, plan.num_context),
            gradient(3, &loops::KeyGradients::dk, 0),
            gradient(4, &loops::KeyGradients::dv, 0),
            {}};
  }

 private:
  template <typename T>
  static loops::AttentionInputs<T> inputs_of(const variable_list& tensors) {
    return {elements<T>(tensors[0]), elements<T>(tensors[1]), elements<T>(tensors[2]), elements<T>(tensors[3]),
            elements<T>(tensors[4])};
  }
};

torch::Tensor contiguous(const torch::Tensor& x) { return stand_in(x).contiguous(); }

}  // namespace

torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const torch::Tensor& context_k, const torch::Tensor& context_v, const Layout& layout,
                        const AttentionOptions& options) {
  if (!has_fast_rows(q)) return slow::attention(q, k, v, context_k, context_v, layout, options);
  check_attention(q, k, v, context_k, context_v, layout, options);
  const loops::AttentionShape shape{q.size(1), k.size(1), q.size(2)};
  const int64_t num_context = context_k.defined() ? context_k.size(0) : 0;
  const Recorded recorded("attention");
  auto handle = c10::make_intrusive<PlanHandle>(plan_of(layout, shape, num_context, options));
  return TreeAttention::apply(q.contiguous(), k.contiguous(), v.contiguous(), contiguous(context_k), contiguous(context_v),
                              std::move(handle));
}

}  // namespace peftlab::kernels
