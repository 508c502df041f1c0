// What GPT-2 and GPT-Neo are built like.
#pragma once

#include "core/model/families/family.h"

namespace peftlab::model::families {

/// Sets the names, `query_key_value` and `attention_output` below "transformer.h.N." with them, and what both read
/// alike: layer norms, an MLP without a gate, biases behind the attention and in the MLP.
void read_gpt_layout(ConfigReader& config, DecoderSpec& spec, const std::vector<std::string>& query_key_value,
                     const std::string& attention_output);

/// The fields that say the same.
nlohmann::json gpt_fields(const DecoderSpec& spec);

}  // namespace peftlab::model::families
