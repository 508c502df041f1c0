// Values by layer and matrix.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/page/plot/axis.h"
#include "core/page/plot/figure.h"

namespace peftlab::page {

struct HeatMap {
  std::string title, description;
  Label label;
  std::vector<std::pair<std::string, double>> matrices;  // module path ("model.layers.3.self_attn.q_proj") and value
};

/// Whether most of the names hold a layer's number, so that a map says more than a list.
bool are_layered(const std::vector<std::string>& names);

/// Layers downwards, matrices by their shortest names that tell them apart; what belongs to no layer stands below. The
/// fuller a cell, the higher its value; each has it written in it where there is room.
Html drawn(const HeatMap& map);

}  // namespace peftlab::page
