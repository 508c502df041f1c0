// The kinds of prompts and prefixes that tests try.
#pragma once

namespace peftlab::test {

inline constexpr char kPrompt[] = R"({"name": "prompt_tuning", "num_virtual_tokens": 5})";
inline constexpr char kMlp[] = R"({"name": "p_tuning", "num_virtual_tokens": 5, "encoder_hidden_size": 12})";
inline constexpr char kLstm[] =
    R"({"name": "p_tuning", "num_virtual_tokens": 5, "encoder": "lstm", "encoder_hidden_size": 6, )"
    R"("encoder_dropout": 0.3})";
inline constexpr char kPrefix[] = R"({"name": "prefix_tuning", "num_virtual_tokens": 5})";
inline constexpr char kProjected[] = R"({"name": "prefix_tuning", "num_virtual_tokens": 5, "projection": true})";

}  // namespace peftlab::test
