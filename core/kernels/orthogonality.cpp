#include "peftlab/orthogonality.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/kernels/loops/narrow_loops.h"
#include "core/kernels/narrow_products.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"

namespace peftlab {
namespace {

using kernels::loops::RowsOf;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A matrix whose short side is to be orthonormal: (rank, n), or (n, rank) where it stands upright. Its products are
/// one of many blocks of one tensor, (count, most, most). Hundreds of small matrices make a penalty, so where the loops
/// apply no operation of libtorch is called for each.
class Side {
 public:
  Side(torch::Tensor p, bool upright)
      : p_(std::move(p)),
        upright_(upright),
        rank_(p_.size(upright ? 1 : 0)),
        length_(p_.size(upright ? 0 : 1)),
        loops_(p_.scalar_type() == at::kFloat && p_.is_contiguous() && kernels::has_narrow_loops(p_, rank_)) {}

  int64_t rank() const { return rank_; }

  /// p p' - I, or p' p - I, into block i.
  void products(const torch::Tensor& blocks, int64_t i) const {
    if (!loops_) {
      const auto gram = block(blocks, i);
      gram.copy_(upright_ ? p_.t().mm(p_) : p_.mm(p_.t()));
      gram.diagonal().sub_(1.0);
      return;
    }
    const RowsOf<float> gram = rows_of(blocks, i);
    const auto lying = laid();
    kernels::loops::narrow_product(rank_, length_, rank_, rows(lying), rows(lying), gram);
    for (int64_t k = 0; k < rank_; ++k) gram.data[k * gram.step + k] -= 1.0F;
  }

  /// g p, or p g, of the symmetric block i.
  torch::Tensor gradient(const torch::Tensor& blocks, int64_t i) const {
    if (!loops_) return upright_ ? p_.mm(block(blocks, i)) : block(blocks, i).mm(p_);
    const RowsOf<float> g = rows_of(blocks, i);
    const auto lying = laid(), result = torch::zeros_like(lying);
    const RowsOf<float> to = {kernels::mutable_elements<float>(result), length_};
    kernels::loops::add_narrow_product(rank_, length_, rank_, {g.data, g.step}, rows(lying), to);
    return upright_ ? kernels::turned(result, 1.0) : result;
  }

 private:
  torch::Tensor block(const torch::Tensor& blocks, int64_t i) const {
    return blocks[i].narrow(0, 0, rank_).narrow(1, 0, rank_);
  }
  static RowsOf<float> rows_of(const torch::Tensor& blocks, int64_t i) {
    const int64_t most = blocks.size(2);
    return {kernels::mutable_elements<float>(blocks) + i * most * most, most};
  }
  /// (rank, n): the loops are quick over long rows.
  torch::Tensor laid() const { return upright_ ? kernels::turned(p_, 1.0) : p_; }
  RowsOf<const float> rows(const torch::Tensor& lying) const { return {kernels::elements<float>(lying), length_}; }

  torch::Tensor p_;
  bool upright_;
  int64_t rank_, length_;
  bool loops_;
};

/// The first `num_rows` lie, the others stand upright.
template <typename List>
std::vector<Side> sides_of(const List& matrices, int64_t num_rows) {
  std::vector<Side> sides;
  for (const auto& p : matrices) sides.emplace_back(p, static_cast<int64_t>(sides.size()) >= num_rows);
  return sides;
}

/// Calls f with each index below `count`; the threads take turns, for matrices of one kind stand side by side.
template <typename F>
void for_each_matrix(int64_t count, const F& f) {
  const int64_t threads = at::get_num_threads();
  kernels::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_grad;  // of this thread
    for (int64_t thread = begin; thread < end; ++thread) {
      for (int64_t i = thread; i < count; i += threads) f(i);
    }
  });
}

// One node for all matrices: each alone would cost more in the graph than what it computes.
struct Orthogonality : torch::autograd::Function<Orthogonality> {
  static torch::Tensor forward(AutogradContext* ctx, at::TensorList matrices, int64_t num_rows) {
    const auto sides = sides_of(matrices, num_rows);
    const auto count = static_cast<int64_t>(sides.size());
    int64_t most = 0;
    for (const auto& side : sides) most = std::max(most, side.rank());
    const auto blocks = torch::zeros({count, most, most}, matrices[0].options().requires_grad(false));
    for_each_matrix(count, [&](int64_t i) { sides[i].products(blocks, i); });
    const auto norms = torch::linalg_vector_norm(blocks, 2, at::IntArrayRef{1, 2});
    variable_list saved(matrices.begin(), matrices.end());
    saved.insert(saved.end(), {blocks, norms});
    ctx->save_for_backward(saved);
    ctx->saved_data["num_rows"] = num_rows;
    return norms.mean();
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    auto matrices = ctx->get_saved_variables();
    const auto norms = matrices.back(), blocks = matrices[matrices.size() - 2];
    matrices.resize(matrices.size() - 2);
    const auto count = static_cast<double>(matrices.size());
    const auto factors = torch::where(norms > 0, 2.0 / (count * norms), torch::zeros_like(norms)) * grads[0];
    const auto scaled = blocks * factors.view({-1, 1, 1});
    const auto sides = sides_of(matrices, ctx->saved_data["num_rows"].toInt());
    variable_list result(matrices.size() + 1);
    for_each_matrix(norms.size(0), [&](int64_t i) { result[i] = sides[i].gradient(scaled, i); });
    return result;
  }
};

}  // namespace

torch::Tensor orthogonality(const std::vector<torch::Tensor>& rows, const std::vector<torch::Tensor>& columns) {
  TORCH_CHECK(!rows.empty() || !columns.empty(), "orthogonality: no matrix");
  variable_list all = rows;
  all.insert(all.end(), columns.begin(), columns.end());
  for (const auto& p : all) TORCH_CHECK(p.dim() == 2, "orthogonality: expected matrices, got ", p.sizes());
  const kernels::Recorded recorded("orthogonality");
  // A vector would pass as no tensors at all.
  return Orthogonality::apply(at::TensorList(all), static_cast<int64_t>(rows.size()));
}

}  // namespace peftlab
