#include "peftlab/parts/token_rows.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <set>

#include "peftlab/error.h"

namespace peftlab {
namespace {

constexpr const char* kName = "trainable_tokens_delta";

struct Nested final : torch::nn::Module {
  explicit Nested(torch::Tensor rows) { register_parameter(kName, std::move(rows)); }
};

}  // namespace

std::optional<std::vector<int64_t>> token_ids_in(const Value& value) {
  if (!value.is_list() || value.list().empty()) return std::nullopt;
  std::vector<int64_t> ids;
  for (const auto& item : value.list()) {
    const auto* id = std::get_if<int64_t>(&item.data());
    if (id == nullptr || *id < 0) return std::nullopt;
    ids.push_back(*id);
  }
  const std::set<int64_t> distinct(ids.begin(), ids.end());
  return distinct.size() == ids.size() ? std::optional(ids) : std::nullopt;
}

void check_token_ids(const std::vector<int64_t>& ids, const InjectionPoints& points, const std::string& key) {
  const int64_t vocabulary = points.embedding_table().size(0);
  for (const int64_t id : ids) {
    if (id >= 0 && id < vocabulary) continue;
    throw ConfigError(key + ": " + std::to_string(id) + " is outside the vocabulary; expected 0 to " +
                      std::to_string(vocabulary - 1));
  }
}

TokenRows::TokenRows(const std::vector<int64_t>& ids, torch::Tensor rows, bool nested) : rows_(std::move(rows)) {
  TORCH_CHECK(rows_.dim() == 2 && rows_.size(0) == static_cast<int64_t>(ids.size()), "TokenRows: ", ids.size(),
              " ids, rows of ", rows_.sizes());
  if (nested)
    register_module("token_adapter", std::make_shared<Nested>(rows_));
  else
    register_parameter(kName, rows_);
  const auto given = torch::tensor(ids, torch::kInt64);
  const auto [sorted, places] = given.sort();
  ids_ = register_buffer("token_ids", given);
  sorted_ = register_buffer("sorted_ids", sorted);
  places_ = register_buffer("places", places);
}

torch::Tensor TokenRows::rows(const torch::Tensor& ids, const torch::Tensor& x) {
  const auto at = torch::searchsorted(sorted_, ids).clamp_max(sorted_.size(0) - 1);  // (N)
  const auto meant = sorted_.index_select(0, at) == ids;
  const auto own = rows_.index_select(0, places_.index_select(0, at)).to(x.scalar_type());  // (N, C)
  return torch::where(meant.unsqueeze(1), own, x);
}

torch::Tensor TokenRows::head(const torch::Tensor& h, const torch::Tensor& logits) {
  return logits.index_copy(/*dim=*/1, ids_, h.matmul(rows_.to(h.scalar_type()).t()).to(logits.scalar_type()));
}

std::optional<torch::Tensor> TokenRows::merged(const torch::Tensor& table) const {
  return table.to(rows_.scalar_type()).index_copy(/*dim=*/0, ids_, rows_.detach());
}

}  // namespace peftlab
