#include "peftlab/parts/rotation.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "peftlab/ops.h"

namespace peftlab {

torch::Tensor skew_symmetric(const torch::Tensor& upper, int64_t b) {
  TORCH_CHECK(upper.dim() == 2 && upper.size(1) == b * (b - 1) / 2, "skew_symmetric: ", upper.sizes(),
              " for matrices of size ", b);
  const auto places = torch::triu_indices(b, b, /*offset=*/1, torch::dtype(torch::kInt64).device(upper.device()));
  const auto flat =
      torch::zeros({upper.size(0), b * b}, upper.options()).index_copy(1, places[0] * b + places[1], upper);
  const auto u = flat.view({-1, b, b});
  return u - u.transpose(1, 2);
}

torch::Tensor cayley(const torch::Tensor& q) {
  // (I - Q)(I + Q)^-1 - I = -2 Q (I + Q)^-1, without the difference of two numbers near 1.
  return at::linalg_solve(torch::eye(q.size(1), q.options()) + q, -2.0 * q, /*left=*/false);
}

torch::Tensor cayley_series(const torch::Tensor& q, int64_t terms) {
  TORCH_CHECK(terms >= 2, "cayley_series: ", terms, " terms are no rotation");
  auto sum = 2.0 * q;
  if (terms == 2) return sum;
  auto power = q.bmm(q);
  sum = sum + 2.0 * power;
  for (int64_t i = 3; i < terms - 1; ++i) {
    power = power.bmm(q);
    sum = sum + 2.0 * power;
  }
  return sum + power.bmm(q);
}

torch::Tensor within_norm(const torch::Tensor& upper, double most) {
  constexpr double kSlack = 1.0 + 1e-5;
  const auto norm = std::sqrt(2.0) * upper.norm(2, /*dim=*/1, /*keepdim=*/true);  // Each entry stands in U - U' twice.
  return torch::where(norm > most * kSlack, upper * (most / norm), upper);
}

torch::Tensor rotate_blocks(const torch::Tensor& x, const torch::Tensor& change) {
  const int64_t b = change.size(1);
  TORCH_CHECK(x.size(-1) % b == 0 && (change.size(0) == 1 || change.size(0) * b == x.size(-1)),
              "rotate_blocks: ", change.sizes(), " on ", x.size(-1), " inputs");
  const auto c = change.to(x.scalar_type());
  const auto blocks = x.reshape({-1, x.size(-1) / b, b});  // (N, blocks, b)
  const auto moved = c.size(0) == 1 ? at::matmul(blocks, c[0]) : at::bmm(blocks.transpose(0, 1), c).transpose(0, 1);
  return (blocks + moved).reshape(x.sizes());
}

BlockRotation::BlockRotation(torch::Tensor weight, int64_t block, const RotationForm& form)
    : weight_(register_parameter("weight", std::move(weight))), block_(block), form_(form) {}

torch::Tensor BlockRotation::change() const {
  const auto q = skew_symmetric(bounded(), block_);
  return form_.series ? cayley_series(q, form_.num_terms) : cayley(q);
}

void BlockRotation::keep_bound() {
  const torch::NoGradGuard no_grad;
  if (form_.constrained) weight_.copy_(bounded());
}

torch::Tensor BlockRotation::bounded() const {
  if (!form_.constrained) return weight_;
  const double most = form_.eps / std::sqrt(static_cast<double>(weight_.size(0)));
  return weight_ + constant(within_norm(weight_.detach(), most) - weight_);
}

}  // namespace peftlab
