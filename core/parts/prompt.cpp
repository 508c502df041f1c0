#include "peftlab/parts/prompt.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

namespace peftlab {
namespace {

constexpr double kMostVirtualTokens = 65536;

const Value* given(const Fields& fields, const std::string& name) {
  const Value* value = fields.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string shape_text(at::IntArrayRef sizes) {
  std::string text;
  for (const auto size : sizes) text += (text.empty() ? "[" : ", ") + std::to_string(size);
  return text.empty() ? "[]" : text + "]";
}

}  // namespace

PromptOptions::PromptOptions(Options& options, const std::vector<std::string>& inits)
    : num_virtual_tokens(options.integer("num_virtual_tokens", 20,
                                         "how many virtual tokens stand before every sequence",
                                         {.least = 1, .most = kMostVirtualTokens})),
      init(options.choice("init", inits.front(), inits, "what the virtual tokens start from")),
      init_text(
          options.text("init_text", "", "the text to start from, cut or repeated to the number of virtual tokens")) {
  if (init == "text" && init_text.empty())
    options.mistake("init_text", "missing, expected the text that init \"text\" starts from");
  if (init != "text" && !init_text.empty()) {
    options.mistake("init_text", "is not used with init '" + init + "', expected init \"text\" or no init_text");
  }
}

std::vector<int64_t> PromptOptions::ids(const InjectionPoints& points) const {
  const size_t count = static_cast<size_t>(num_virtual_tokens);
  std::vector<int64_t> ids;
  if (init == "text") {
    const auto text = points.encode(init_text);
    if (text.empty())
      throw ConfigError("init_text '" + init_text + "' has no token, expected a text that the tokenizer knows");
    while (ids.size() < count) ids.push_back(text[ids.size() % text.size()]);
    return ids;
  }
  const auto drawn =
      torch::randint(0, points.shape().vocab_size, {num_virtual_tokens}, points.generator("prompt.ids"), torch::kInt64);
  return {drawn.data_ptr<int64_t>(), drawn.data_ptr<int64_t>() + drawn.numel()};
}

torch::Tensor PromptOptions::rows(const InjectionPoints& points) const {
  const torch::NoGradGuard no_grad;
  const auto table = points.embedding_table();
  const auto type = points.trainable_type();
  if (init == "random" || init == "normal") {
    const auto noise =
        torch::randn({num_virtual_tokens, points.shape().width}, points.generator("prompt.noise")).to(type);
    if (init == "normal") return noise;
    const auto [deviation, mean] = at::std_mean(table, /*dim=*/at::IntArrayRef{0}, /*unbiased=*/false);  // (C) each
    return mean.cpu().to(type) + deviation.cpu().to(type) * noise;
  }
  const auto rows = torch::tensor(ids(points)).to(table.device());
  return table.index_select(0, rows).cpu().to(type, /*non_blocking=*/false, /*copy=*/true);
}

Fields prompt_fields(const std::string& peft_type, int64_t num_virtual_tokens, int64_t token_dim, int64_t num_heads,
                     int64_t num_layers) {
  auto config = peft_fields(peft_type);
  config.set("modules_to_save", nullptr);
  config.set("num_attention_heads", num_heads);
  config.set("num_layers", num_layers);
  config.set("num_transformer_submodules", 1);
  config.set("num_virtual_tokens", num_virtual_tokens);
  config.set("token_dim", token_dim);
  return config;
}

std::optional<Fields> prompt_options_from_peft(const Fields& config, const std::string& peft_type,
                                               std::vector<PeftName> renamed, std::vector<std::string> inert) {
  const Value* type = config.find("peft_type");
  if (type == nullptr || !type->is_text() || type->text() != peft_type) return std::nullopt;
  renamed.push_back({"num_virtual_tokens", "num_virtual_tokens"});
  for (const char* field : {"num_attention_heads", "num_layers", "num_transformer_submodules", "token_dim"})
    inert.push_back(field);
  auto options = options_from_peft_fields(config, renamed, inert);
  const Value* submodules = given(config, "num_transformer_submodules");
  if (submodules != nullptr && submodules->integer() != 1) {
    throw ConfigError("field 'num_transformer_submodules' of the adapter is " + std::to_string(submodules->integer()) +
                      ": prompts for encoder and decoder; expected 1, a decoder alone");
  }
  if (given(config, "num_virtual_tokens") == nullptr)
    throw ConfigError("field 'num_virtual_tokens' of the adapter is missing");
  return options;
}

torch::Tensor prompt_room(const Adapter& loaded, const InjectionPoints& points, const std::vector<int64_t>& token_dims,
                          int64_t num_virtual_tokens, int64_t width) {
  const auto refuse = [](const std::string& field, int64_t got, int64_t expected) {
    throw ConfigError("the adapter belongs to another base: its " + field + " is " + std::to_string(got) +
                      ", expected " + std::to_string(expected));
  };
  const Value* layers = given(loaded.config, "num_layers");
  if (layers != nullptr && layers->integer() != points.shape().num_layers) {
    refuse("num_layers", layers->integer(), points.shape().num_layers);
  }
  const Value* dim = given(loaded.config, "token_dim");
  if (dim != nullptr && std::find(token_dims.begin(), token_dims.end(), dim->integer()) == token_dims.end()) {
    refuse("token_dim", dim->integer(), token_dims.front());
  }
  const auto table = loaded.tensors.find("prompt_embeddings");
  if (table == loaded.tensors.end()) throw ConfigError("the adapter has no tensor 'prompt_embeddings'");
  const std::vector<int64_t> expected = {num_virtual_tokens, width};
  if (table->second.sizes() != at::IntArrayRef(expected)) {
    throw ConfigError("tensor 'prompt_embeddings' has the shape " + shape_text(table->second.sizes()) + ", expected " +
                      shape_text(expected));
  }
  return torch::zeros(expected, points.trainable_type());
}

}  // namespace peftlab
