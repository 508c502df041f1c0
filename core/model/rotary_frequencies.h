// Frequencies of the rotary position embedding with the scalings of longer contexts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace peftlab::model {

/// How the base frequencies theta^(-2i/R) are scaled.
struct RopeScaling {
  double theta = 10000.0;
  std::string type = "default";  // default, linear, llama3, longrope
  double factor = 1.0;
  double low_factor = 1.0;
  double high_factor = 4.0;
  int64_t original_positions = 8192;  // tokens of a text in pretraining, before the scaling
  std::vector<double> short_factors;  // (R/2), longrope: for texts of up to original_positions tokens
  std::vector<double> long_factors;   // (R/2), longrope: for longer ones
  double magnitude = 1.0;             // longrope: cos and sin are multiplied by it
};

/// `rotary_width` R -> (R/2). `linear` divides by the factor; `llama3` divides the long waves, keeps the short ones and goes
/// over smoothly between (Llama 3.1 model card); `longrope` divides each by its own short factor (Ding et al., 2024,
/// https://arxiv.org/abs/2402.13753). As Hugging Face transformers has them in `modeling_rope_utils`.
/// REQUIRES: longrope has R/2 factors of each kind.
std::vector<double> rotary_frequencies(int64_t rotary_width, const RopeScaling& scaling);

/// The same for texts of more than `original_positions` tokens; empty where they are rotated like all others.
std::vector<double> long_rotary_frequencies(int64_t rotary_width, const RopeScaling& scaling);

/// What longrope multiplies cos and sin by when a model is stretched to `stretch` times its length in pretraining.
double longrope_magnitude(double stretch, int64_t original_positions);

}  // namespace peftlab::model
