#include "core/model/rotary_frequencies.h"

#include <cmath>
#include <numbers>

namespace peftlab::model {
namespace {

double llama3(double frequency, const RopeScaling& s) {
  const double length = static_cast<double>(s.original_positions);
  const double wave = 2.0 * std::numbers::pi / frequency;
  if (wave > length / s.low_factor) return frequency / s.factor;
  if (wave < length / s.high_factor) return frequency;
  const double t = (length / wave - s.low_factor) / (s.high_factor - s.low_factor);
  return (1.0 - t) * frequency / s.factor + t * frequency;
}

}  // namespace

std::vector<double> rotary_frequencies(int64_t rotary_width, const RopeScaling& scaling) {
  std::vector<double> frequencies(rotary_width / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double base = std::pow(scaling.theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotary_width));
    if (scaling.type == "linear") {
      frequencies[i] = base / scaling.factor;
    } else {
      frequencies[i] = scaling.type == "llama3" ? llama3(base, scaling) : base;
    }
  }
  return frequencies;
}

}  // namespace peftlab::model
