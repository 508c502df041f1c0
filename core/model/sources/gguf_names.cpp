#include "core/model/sources/gguf_names.h"

#include <torch/types.h>

#include <algorithm>

namespace peftlab::model {
namespace {

constexpr const char* kLayer = "blk.";

std::map<std::string, std::string> names_in_layer(const ModuleNames& n) {
  std::map<std::string, std::string> all = {{"attn_norm", n.attention_norm},     {"ffn_norm", n.mlp_norm},
                                            {"attn_output", n.attention_output}, {"attn_q_norm", n.query_norm},
                                            {"attn_k_norm", n.key_norm},         {"ffn_up", n.mlp_input.back()},
                                            {"ffn_down", n.mlp_output}};
  if (n.mlp_input.size() == 2) all["ffn_gate"] = n.mlp_input.front();
  const char* parts[] = {"attn_q", "attn_k", "attn_v"};
  if (n.query_key_value.size() == 1) all["attn_qkv"] = n.query_key_value.front();
  for (size_t i = 0; i < 3 && n.query_key_value.size() == 3; ++i) all[parts[i]] = n.query_key_value[i];
  return all;
}

std::optional<std::string> key_of(const std::map<std::string, std::string>& names, const std::string& module) {
  const auto found = std::ranges::find(names, module, [](const auto& one) { return one.second; });
  return found == names.end() ? std::nullopt : std::optional(found->first);
}

std::optional<std::string> value_of(const std::map<std::string, std::string>& names, const std::string& key) {
  const auto found = names.find(key);
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

/// "3" and "attn_q" of "3.attn_q"; nothing where it does not begin with a number.
std::optional<std::pair<std::string, std::string>> numbered(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0 || name.find_first_not_of("0123456789") != dot) return std::nullopt;
  return std::pair(name.substr(0, dot), name.substr(dot + 1));
}

}  // namespace

GgufNames::GgufNames(const DecoderSpec& spec)
    : spec_(spec),
      in_layer_(names_in_layer(spec.names)),
      outside_(
          {{"token_embd", spec.names.embedding}, {"output_norm", spec.names.final_norm}, {"output", spec.names.head}}) {
}

std::optional<std::string> GgufNames::architecture() const {
  static const std::map<std::string, std::string> known = {
      {"llama", "llama"}, {"mistral", "llama"}, {"qwen2", "qwen2"}, {"qwen3", "qwen3"},
      {"gemma", "gemma"}, {"gemma2", "gemma2"}, {"phi3", "phi3"},   {"gpt2", "gpt2"}};
  return value_of(known, spec_.shape.architecture);
}

std::optional<std::string> GgufNames::file_module(const std::string& module) const {
  if (const auto name = key_of(outside_, module)) return name;
  if (!module.starts_with(spec_.names.layers)) return std::nullopt;
  const auto rest = numbered(module.substr(spec_.names.layers.size()));
  const auto name = rest ? key_of(in_layer_, rest->second) : std::nullopt;
  return name ? std::optional(kLayer + rest->first + "." + *name) : std::nullopt;
}

std::optional<std::string> GgufNames::model_module(const std::string& name) const {
  if (const auto module = value_of(outside_, name)) return module;
  if (!name.starts_with(kLayer)) return std::nullopt;
  const auto rest = numbered(name.substr(std::string(kLayer).size()));
  const auto module = rest ? value_of(in_layer_, rest->second) : std::nullopt;
  return module ? std::optional(spec_.names.layers + rest->first + "." + *module) : std::nullopt;
}

int64_t GgufNames::interleaved_heads(const std::string& module) const {
  if (architecture() != "llama" || spec_.names.query_key_value.size() != 3) return 0;
  if (module.ends_with("." + spec_.names.query_key_value[0])) return spec_.shape.num_heads;
  return module.ends_with("." + spec_.names.query_key_value[1]) ? spec_.shape.num_kv_heads : 0;
}

torch::Tensor GgufNames::model_rows(const std::string& module, const torch::Tensor& rows) const {
  const int64_t heads = interleaved_heads(module);
  if (heads == 0) return rows;
  TORCH_CHECK(rows.size(0) % (2 * heads) == 0, module, ": ", rows.size(0), " rows for ", heads, " heads");
  return rows.reshape({heads, rows.size(0) / heads / 2, 2, -1}).transpose(1, 2).reshape(rows.sizes());
}

torch::Tensor GgufNames::file_rows(const std::string& module, const torch::Tensor& rows) const {
  const int64_t heads = interleaved_heads(module);
  if (heads == 0) return rows;
  TORCH_CHECK(rows.size(0) % (2 * heads) == 0, module, ": ", rows.size(0), " rows for ", heads, " heads");
  return rows.reshape({heads, 2, rows.size(0) / heads / 2, -1}).transpose(1, 2).reshape(rows.sizes());
}

}  // namespace peftlab::model
