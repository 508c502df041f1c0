// Frequencies of the rotary position embedding with the scalings of longer contexts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace peftlab::model {

/// How the base frequencies theta^(-2i/R) are scaled.
struct RopeScaling {
  double theta = 10000.0;
  std::string type = "default";  // default, linear, llama3
  double factor = 1.0;
  double low_factor = 1.0;
  double high_factor = 4.0;
  int64_t original_positions = 8192;
};

/// `rotary_width` R -> (R/2). `linear` divides by the factor; `llama3` divides the long waves, keeps the short ones and goes
/// over smoothly between (Llama 3.1 model card; Hugging Face transformers, `modeling_rope_utils`).
std::vector<double> rotary_frequencies(int64_t rotary_width, const RopeScaling& scaling);

}  // namespace peftlab::model
