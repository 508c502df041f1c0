#include "peftlab/parts/saved_bases.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab {

Tensors SavedBases::with(Tensors named) const {
  for (const auto& [module, weight] : weights_)
    named.emplace("base_model.model." + module + ".base_layer.weight", weight);
  return named;
}

Tensors SavedBases::without(Tensors saved) const {
  for (const auto& [module, weight] : weights_) {
    const auto found = saved.find("base_model.model." + module + ".base_layer.weight");
    if (found == saved.end()) continue;
    const auto file = found->second.to(weight.device());
    const bool equal = file.sizes() == weight.sizes() && (torch::equal(file.to(weight.scalar_type()), weight) ||
                                                          torch::equal(weight.to(file.scalar_type()), file));
    if (!equal)
      throw ConfigError("tensor '" + found->first + "' is not the base model's: the adapter belongs to another base");
    saved.erase(found);
  }
  return saved;
}

}  // namespace peftlab
