// The special tokens that a tokenizer puts around a text ("post-processor").
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/tokenizer/vocabulary.h"

namespace peftlab::text {

struct Surroundings {
  std::vector<int64_t> before, after;
};

/// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which changes no ids), Sequence; null adds
/// nothing. Throws ConfigError naming any other type, and for ids that have no token or another than the file says.
Surroundings make_surroundings(const nlohmann::json& part, const std::string& where, const Vocabulary& vocabulary);

}  // namespace peftlab::text
