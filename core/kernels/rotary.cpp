#include "core/kernels/rotary.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/loops/rotary_loops.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

void check(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  TORCH_CHECK(x.dim() == 3 && cos.dim() == 2 && cos.sizes() == sin.sizes() && cos.size(0) == x.size(0) &&
                  2 * cos.size(1) <= x.size(2),
              "rotate: x (N, H, D) needs cos and sin (N, R/2) with R <= D, got ", x.sizes(), ", ", cos.sizes(), " and ",
              sin.sizes());
}

torch::Tensor rotated(const torch::Tensor& input, const torch::Tensor& cos, const torch::Tensor& sin, bool pairs,
                      float direction) {
  const auto x = input.contiguous();
  auto y = torch::empty_like(x);
  const int64_t heads = x.size(1), width = x.size(2), half = cos.size(1);
  with_row_type(x.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, x.size(0), rows_for_a_thread(heads * width), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const loops::RotaryRow row{heads, width, half, pairs, direction, elements<float>(cos) + i * half,
                                   elements<float>(sin) + i * half};
        loops::rotary_row(row, elements<T>(x) + i * heads * width, mutable_elements<T>(y) + i * heads * width);
      }
    });
  });
  return y;
}

class Rotation : public torch::autograd::Function<Rotation> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& cos,
                               const torch::Tensor& sin, bool pairs) {
    ctx->save_for_backward({cos, sin});
    ctx->saved_data["pairs"] = pairs;
    return rotated(x, cos, sin, pairs, /*direction=*/1.0f);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    return {rotated(grads[0], saved[0], saved[1], ctx->saved_data["pairs"].toBool(), /*direction=*/-1.0f), {}, {}, {}};
  }
};

}  // namespace

namespace slow {

torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, bool pairs) {
  check(x, cos, sin);
  const auto type = sum_type(x.scalar_type());
  const int64_t half = cos.size(1);
  const auto c = cos.to(type).unsqueeze(1);  // (N, 1, R/2)
  const auto s = sin.to(type).unsqueeze(1);
  const auto turned = x.slice(/*dim=*/2, 0, 2 * half).to(type);
  torch::Tensor result;
  if (pairs) {
    const auto a = turned.slice(/*dim=*/2, 0, 2 * half, /*step=*/2);
    const auto b = turned.slice(/*dim=*/2, 1, 2 * half, /*step=*/2);
    result = torch::stack({a * c - b * s, b * c + a * s}, /*dim=*/3).flatten(2);
  } else {
    const auto a = turned.slice(/*dim=*/2, 0, half);
    const auto b = turned.slice(/*dim=*/2, half, 2 * half);
    result = torch::cat({a * c - b * s, b * c + a * s}, /*dim=*/2);
  }
  result = result.to(x.scalar_type());
  if (2 * half == x.size(2)) return result;
  return torch::cat({result, x.slice(/*dim=*/2, 2 * half)}, /*dim=*/2);
}

}  // namespace slow

torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, bool pairs) {
  if (!has_fast_rows(x)) return slow::rotate(x, cos, sin, pairs);
  const Recorded recorded("rotary");
  check(x, cos, sin);
  const auto wide = [](const torch::Tensor& angle) { return angle.detach().to(torch::kFloat32).contiguous(); };
  return Rotation::apply(x, wide(cos), wide(sin), pairs);
}

}  // namespace peftlab::kernels
