#include "core/model/sources/shallow_source.h"

#include <algorithm>

namespace peftlab::model {

ShallowSource::ShallowSource(const WeightSource& whole, int64_t num_layers) : whole_(whole), spec_(whole.spec()) {
  spec_.shape.num_layers = num_layers;
  spec_.attention_scales.resize(static_cast<size_t>(num_layers));
  spec_.windows.resize(static_cast<size_t>(num_layers));
}

std::vector<std::string> ShallowSource::names() const {
  auto names = whole_.names();
  for (int64_t layer = spec_.shape.num_layers; layer < whole_.spec().shape.num_layers; ++layer) {
    const std::string beginning = spec_.layer_name(layer, "");
    std::erase_if(names, [&](const std::string& name) { return name.starts_with(beginning); });
  }
  return names;
}

}  // namespace peftlab::model
