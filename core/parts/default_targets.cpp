#include "peftlab/parts/default_targets.h"

#include "peftlab/error.h"

namespace peftlab {

const std::vector<std::string>& known_modules(const ModuleTable& table, const ModelShape& shape,
                                              const std::string& key) {
  const auto found = table.find(shape.architecture);
  if (found != table.end()) return found->second;
  throw ConfigError(key + ": none are known for the architecture '" + shape.architecture + "'; name the modules");
}

Targets targets_or_known(const Targets& given, const ModuleTable& table, const ModelShape& shape) {
  Targets targets = given;
  if (!given.all_linear && given.regex.empty() && given.names.empty())
    targets.names = known_modules(table, shape, "targets");
  return targets;
}

const ModuleTable& query_value_modules() {
  static const std::vector<std::string> apart = {"q_proj", "v_proj"};
  static const std::vector<std::string> joined = {"query_key_value"};
  static const ModuleTable table = {
      {"llama", apart},    {"mistral", apart},   {"mixtral", apart},   {"qwen2", apart},
      {"qwen3", apart},    {"gemma", apart},     {"gemma2", apart},    {"gemma3_text", apart},
      {"gpt_neo", apart},  {"gptj", apart},      {"opt", apart},       {"stablelm", apart},
      {"phi", apart},      {"gpt_neox", joined}, {"bloom", joined},    {"falcon", joined},
      {"chatglm", joined}, {"mpt", {"Wqkv"}},    {"gpt2", {"c_attn"}}, {"gpt_bigcode", {"c_attn"}}};
  return table;
}

}  // namespace peftlab
