#include "peftlab/parts/starts.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "core/plugin/json_value.h"

namespace peftlab {

std::string read_start(Options& options, const std::string& about, const std::vector<std::string>& words) {
  const auto value = options.any("init", about);
  if (value.is_null()) return "true";
  if (const auto* flag = std::get_if<bool>(&value.data())) return *flag ? "true" : "random";
  if (value.is_text() && value.text() == "random") return "random";
  if (value.is_text() && std::find(words.begin(), words.end(), value.text()) != words.end()) return value.text();
  std::string expected = "expected true";
  for (const auto& word : words) expected += ", \"" + word + "\"";
  options.mistake("init", expected + " or \"random\", got " + io::shown(plugin::to_json(value)));
  return "true";
}

Value start_value(const std::string& start) {
  if (start == "true" || start == "random") return start == "true";
  return start;
}

torch::Tensor Starts::kaiming(const std::string& name, at::IntArrayRef sizes) const {
  if (loaded_) return full(sizes, 0.0);
  const double bound = 1.0 / std::sqrt(static_cast<double>(sizes.back()));
  return torch::empty(sizes).uniform_(-bound, bound, points_.generator(name)).to(points_.trainable_type());
}

torch::Tensor Starts::normal(const std::string& name, at::IntArrayRef sizes, double deviation) const {
  if (loaded_) return full(sizes, 0.0);
  return torch::empty(sizes).normal_(0.0, deviation, points_.generator(name)).to(points_.trainable_type());
}

torch::Tensor Starts::full(at::IntArrayRef sizes, double value) const {
  return torch::full(sizes, value, points_.trainable_type());
}

}  // namespace peftlab
