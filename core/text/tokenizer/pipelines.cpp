#include "core/text/tokenizer/pipelines.h"

namespace peftlab::text {

const char* const kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

nlohmann::json regex_and_bytes(const std::string& regex, bool add_prefix_space) {
  const nlohmann::json split = {
      {"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
  const nlohmann::json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", false}};
  return {{"type", "Sequence"}, {"pretokenizers", nlohmann::json::array({split, bytes})}};
}

nlohmann::json surrounding_template(const std::optional<TokenAndId>& bos, const std::optional<TokenAndId>& eos) {
  nlohmann::json single = nlohmann::json::array();
  nlohmann::json names = nlohmann::json::object();
  const auto put = [&](const std::optional<TokenAndId>& token) {
    if (!token) return;
    single.push_back({{"SpecialToken", {{"id", token->first}, {"type_id", 0}}}});
    names[token->first] = {{"id", token->first}, {"ids", {token->second}}, {"tokens", {token->first}}};
  };
  put(bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(eos);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", names}};
}

}  // namespace peftlab::text
