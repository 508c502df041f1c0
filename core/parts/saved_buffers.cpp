#include "peftlab/parts/saved_buffers.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

namespace peftlab {
namespace {

bool fits(const torch::Tensor& found, const torch::Tensor& target) {
  return found.sizes() == target.sizes() && found.is_floating_point() && torch::isfinite(found).all().item<bool>();
}

}  // namespace

void SavedBuffers::add(const std::string& name, torch::Tensor buffer) { buffers_.emplace(name, std::move(buffer)); }

void SavedBuffers::beside(const std::string& module, const torch::nn::Module& patch) {
  for (const auto& item : patch.named_parameters()) {
    trained_.emplace("base_model.model." + module + "." + item.key(), item.value());
  }
}

Tensors SavedBuffers::with(Tensors named) const {
  named.insert(buffers_.begin(), buffers_.end());
  return named;
}

bool SavedBuffers::is_trained(const Tensors& rest) const {
  return rest.size() == trained_.size() && std::all_of(rest.begin(), rest.end(), [&](const auto& one) {
           const auto target = trained_.find(one.first);
           return target != trained_.end() && fits(one.second, target->second);
         });
}

Tensors SavedBuffers::without(Tensors saved) const {
  Tensors taken;
  std::string faults;
  for (const auto& [name, buffer] : buffers_) {
    const auto node = saved.extract(name);
    const auto line = (faults.empty() ? "tensor '" : "\ntensor '") + name + "' ";
    if (node.empty()) {
      faults += line + "is missing, expected the shape " + c10::str(buffer.sizes());
    } else if (!fits(node.mapped(), buffer)) {
      faults += line + "has the shape " + c10::str(node.mapped().sizes()) + ", expected finite numbers of " +
                c10::str(buffer.sizes());
    } else {
      taken.emplace(name, node.mapped());
    }
  }
  if (!faults.empty()) throw ConfigError(faults);
  const torch::NoGradGuard no_grad;
  if (is_trained(saved)) {
    for (const auto& [name, tensor] : taken) torch::Tensor(buffers_.at(name)).copy_(tensor);
  }
  return saved;
}

}  // namespace peftlab
