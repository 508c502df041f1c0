// From tokens back to text.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace peftlab::text {

/// Changes a list of tokens; the text is what they make joined.
using Decoder = std::function<void(std::vector<std::string>&)>;

/// ByteLevel ByteFallback Fuse Replace Strip Metaspace Sequence; null joins with spaces. Throws ConfigError naming any
/// other type.
Decoder make_decoder(const nlohmann::json& part, const std::string& where);

}  // namespace peftlab::text
