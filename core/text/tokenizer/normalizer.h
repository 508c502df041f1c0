// What a tokenizer does to a text before it is cut.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/text/tokenizer/aligned.h"

namespace peftlab::text {

using Normalizer = std::function<void(AlignedText&)>;

/// NFC NFD NFKC NFKD Lowercase Strip StripAccents Replace Prepend Sequence; null does nothing. Throws ConfigError
/// naming any other type.
Normalizer make_normalizer(const nlohmann::json& part, const std::string& where);

}  // namespace peftlab::text
