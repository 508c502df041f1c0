// The work of a training step by its law: 2 FLOP for each matrix element and row in the forward pass, 2 for the gradient that
// passes back through it, 2 for its own where the matrix itself is trained. So 4N a token for methods that reach the first
// layer, 6N for full fine-tuning, (T + P) / T of that with P virtual tokens; the head counts at labelled rows only. What
// adapters, attention and norms add is left out: it is what the law is held against. Kaplan et al., 2020, section 2.1.
#pragma once

#include <cstdint>

#include "core/model/decoder.h"

namespace peftlab::lab {

struct StepLaw {
  double layer_flop_per_row = 0.0;
  double head_flop_per_label = 0.0;
  /// What layer_flop_per_row is in units of N, the matrix elements of all layers: 4, 6, or less where the backward pass ends
  /// above the first layer.
  double factor = 0.0;
  int64_t num_virtual_rows = 0;  // computed once in a forward pass, beside the rows of the batch

  double flop(double num_rows, double num_labels) const {
    return layer_flop_per_row * num_rows + head_flop_per_label * num_labels;
  }
};

/// Of a decoder whose points are filled.
StepLaw step_law(const model::Decoder& decoder);

}  // namespace peftlab::lab
