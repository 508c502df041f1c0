// What the families share in writing config.json.
#pragma once

#include <nlohmann/json.hpp>

#include "core/model/spec.h"

namespace peftlab::model::families {

/// Sizes, norm, longest text and rotation as most families name them, in the spellings of transformers 4 and 5.
nlohmann::json usual_fields(const DecoderSpec& spec);

/// `layer_types`: sliding_attention where there is a window.
nlohmann::json layer_types(const DecoderSpec& spec);

/// The largest window of any layer, or null.
nlohmann::json sliding_window(const DecoderSpec& spec);

}  // namespace peftlab::model::families
