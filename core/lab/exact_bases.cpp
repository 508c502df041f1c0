#include "core/lab/exact_bases.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <string_view>

namespace peftlab::lab {
namespace {

constexpr std::string_view kBefore = "base_model.model.";
constexpr std::string_view kBehind = ".base_layer.weight";

/// The name of the model's tensor that the adapter's tensor is frozen from, or "".
std::string name_in_model(const std::string& name) {
  if (!name.starts_with(kBefore) || !name.ends_with(kBehind)) return "";
  return name.substr(kBefore.size(), name.size() - kBefore.size() - kBehind.size()) + ".weight";
}

bool is_rounded(const torch::Tensor& kept, const torch::Tensor& exact) {
  return kept.sizes() == exact.sizes() && torch::equal(exact.to(kept.scalar_type()), kept) &&
         !torch::equal(kept.to(exact.scalar_type()), exact);
}

}  // namespace

void restore_exact_bases(Adapter& adapter, const model::WeightSource& source) {
  for (auto& [name, tensor] : adapter.tensors) {
    const auto in_model = name_in_model(name);
    if (in_model.empty() || !source.has(in_model)) continue;
    if (const auto exact = source.read(in_model, torch::kFloat32); is_rounded(tensor, exact)) tensor = exact;
  }
}

}  // namespace peftlab::lab
