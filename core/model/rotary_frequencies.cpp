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

double base_frequency(const RopeScaling& scaling, size_t i, int64_t rotary_width) {
  return std::pow(scaling.theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotary_width));
}

std::vector<double> divided(int64_t rotary_width, const RopeScaling& scaling, const std::vector<double>& factors) {
  std::vector<double> frequencies(rotary_width / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = base_frequency(scaling, i, rotary_width) / factors.at(i);
  return frequencies;
}

}  // namespace

std::vector<double> rotary_frequencies(int64_t rotary_width, const RopeScaling& scaling) {
  if (scaling.type == "longrope") return divided(rotary_width, scaling, scaling.short_factors);
  std::vector<double> frequencies(rotary_width / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double base = base_frequency(scaling, i, rotary_width);
    if (scaling.type == "linear") {
      frequencies[i] = base / scaling.factor;
    } else {
      frequencies[i] = scaling.type == "llama3" ? llama3(base, scaling) : base;
    }
  }
  return frequencies;
}

std::vector<double> long_rotary_frequencies(int64_t rotary_width, const RopeScaling& scaling) {
  if (scaling.type != "longrope") return {};
  return divided(rotary_width, scaling, scaling.long_factors);
}

double longrope_magnitude(double stretch, int64_t original_positions) {
  if (stretch <= 1.0 || original_positions < 2) return 1.0;
  return std::sqrt(1.0 + std::log(stretch) / std::log(static_cast<double>(original_positions)));
}

}  // namespace peftlab::model
