#include "core/model/rotary_table.h"

namespace peftlab::model {
namespace {

torch::Tensor as_tensor(const std::vector<double>& values, torch::ScalarType type, torch::Device device) {
  return torch::tensor(values, torch::kFloat64).to(device, type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
}

}  // namespace

RotaryTable::RotaryTable(const RotarySpec& spec, torch::ScalarType type, torch::Device device)
    : frequencies_(as_tensor(spec.frequencies, type, device)),
      magnitude_(spec.scaling.magnitude),
      longest_short_(spec.long_frequencies.empty() ? 0 : spec.scaling.original_positions) {
  if (longest_short_ > 0) long_frequencies_ = as_tensor(spec.long_frequencies, type, device);
}

Rotation RotaryTable::turned(const torch::Tensor& angles) const {
  if (magnitude_ == 1.0) return {angles.cos(), angles.sin()};
  return {angles.cos() * magnitude_, angles.sin() * magnitude_};
}

Rotation RotaryTable::of_texts(const torch::Tensor& positions, bool are_long) const {
  const auto at = positions.to(frequencies_.device(), frequencies_.scalar_type()).unsqueeze(1);
  return turned(at * (are_long ? long_frequencies_ : frequencies_));
}

Rotation RotaryTable::of_last_tokens(const torch::Tensor& positions) const {
  if (longest_short_ == 0) return of_texts(positions, /*are_long=*/false);
  const auto at = positions.to(frequencies_.device(), frequencies_.scalar_type()).unsqueeze(1);
  return turned(at * torch::where(at >= static_cast<double>(longest_short_), long_frequencies_, frequencies_));
}

}  // namespace peftlab::model
