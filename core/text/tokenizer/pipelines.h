// How the model families cut a text, for files that only name the family.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace peftlab::text {

/// Qwen2 and later (tokenizer.json of Qwen/Qwen2-0.5B).
extern const char* const kQwen2Regex;
/// Llama 3 (tokenizer.json of meta-llama/Meta-Llama-3-8B).
extern const char* const kLlama3Regex;

/// A pre-tokenizer: cut by the expression, then bytes.
nlohmann::json regex_and_bytes(const std::string& regex, bool add_prefix_space);

using TokenAndId = std::pair<std::string, int64_t>;

/// A post-processor that puts `bos` before every text and `eos` behind it, as far as they are there.
nlohmann::json surrounding_template(const std::optional<TokenAndId>& bos, const std::optional<TokenAndId>& eos);

}  // namespace peftlab::text
