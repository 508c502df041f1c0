// What the families share in reading config.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/io/object_reader.h"
#include "core/model/spec.h"

namespace peftlab::model::families {

inline constexpr io::Range kCount{1, 1 << 24};

/// Mistakes are collected; each function returns something that fits, so that reading goes on to the next one.
class ConfigReader {
 public:
  /// REQUIRES: `document` outlives the reader.
  explicit ConfigReader(const io::Document& document) : keys(document, "", mistakes), document_(document) {}

  io::Mistakes mistakes;
  io::ObjectReader keys;

  /// Whether the key is there with the value null, which `keys` takes for absent.
  bool says_null(const std::string& key) const;
  /// Adds a mistake for a flag that is set, because of what it would ask for.
  void refuse(const std::string& flag, const std::string& meaning);

  /// Sizes as most families name them. `head_width`: where head_dim is not given; 0: the width shared evenly.
  void shape(ModelShape& shape, int64_t head_width = 0);
  /// Sets the head width to the width shared evenly, which must come out whole.
  void share_width(ModelShape& shape, const std::string& heads_key);

  kernels::Activation activation(const std::string& key, const std::string& fallback);

  /// The rotation as transformers 5 (`rope_parameters`) or 4 (`rope_theta`, `rope_scaling`) say it. `types`: what the
  /// family knows of default, linear, llama3, longrope. `fraction`: of each head that is rotated, where config.json
  /// does not say; none for a family that rotates whole heads only. REQUIRES: head width and longest text are read.
  RotarySpec rotary(const DecoderSpec& spec, std::vector<std::string> types,
                    std::optional<double> fraction = std::nullopt);

  /// (L): `window` where `layer_types` says sliding_attention, or without it where `slides` is true; else 0.
  std::vector<int64_t> windows(const ModelShape& shape, int64_t window, const std::vector<bool>& slides);

 private:
  RopeScaling linear_or_llama3(io::ObjectReader& rope, int64_t max_positions);
  void read_longrope(io::ObjectReader& rope, const DecoderSpec& spec, int64_t rotary_width, RopeScaling& scaling);
  std::vector<double> factors(io::ObjectReader& rope, const std::string& key, int64_t count);

  const io::Document& document_;
};

/// The name that read again gives the activation.
const char* activation_name(kernels::Activation activation);

}  // namespace peftlab::model::families
