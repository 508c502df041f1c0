#include "core/lab/step_law.h"

#include <algorithm>

namespace peftlab::lab {
namespace {

constexpr double kPerPass = 2.0;  // FLOP: a product and a sum

bool is_trained(const model::ParameterSlot* slot) { return slot != nullptr && slot->active(); }

bool is_filled(const model::LinearSlot& slot) { return slot.active() || is_trained(slot.weight) || is_trained(slot.bias); }

double elements(const model::LinearSlot& slot) { return static_cast<double>(slot.base.in()) * static_cast<double>(slot.base.out()); }

/// The first layer that holds something trained: gradients go no further down. 0 where something lies before all layers.
int64_t lowest_trained_layer(const model::Decoder& decoder) {
  const auto& weights = decoder.weights();
  if (decoder.virtual_tokens || decoder.prefix || decoder.table || is_trained(weights.embedding) || is_trained(weights.positions)) {
    return 0;
  }
  int64_t lowest = decoder.spec().shape.num_layers;
  for (const auto& slot : weights.linears()) {
    if (is_filled(slot) && slot.base.layer() >= 0) lowest = std::min(lowest, slot.base.layer());
  }
  for (const auto& slot : weights.parameters()) {
    if (slot.active() && slot.base.layer() >= 0) lowest = std::min(lowest, slot.base.layer());
  }
  return lowest;
}

}  // namespace

StepLaw step_law(const model::Decoder& decoder) {
  const auto& weights = decoder.weights();
  const int64_t lowest = lowest_trained_layer(decoder);
  StepLaw law;
  law.num_virtual_rows = decoder.num_virtual_rows();
  double all = 0.0;
  for (const auto& slot : weights.linears()) {
    if (&slot == weights.head) continue;
    const double passes = 1.0 + (slot.base.layer() >= lowest ? 1.0 : 0.0) + (is_trained(slot.weight) ? 1.0 : 0.0);
    law.layer_flop_per_row += kPerPass * passes * elements(slot);
    all += elements(slot);
  }
  law.factor = all > 0 ? law.layer_flop_per_row / all : 0.0;
  const auto& shape = decoder.spec().shape;
  const bool trained_head = weights.head != nullptr ? is_trained(weights.head->weight) : is_trained(weights.embedding);
  law.head_flop_per_label = kPerPass * (trained_head ? 3.0 : 2.0) * static_cast<double>(shape.vocab_size * shape.width);
  return law;
}

}  // namespace peftlab::lab
