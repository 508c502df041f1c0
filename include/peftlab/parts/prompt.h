// What methods share that put trained vectors, keys or values before every sequence.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "peftlab/method.h"
#include "peftlab/peft.h"

namespace peftlab {

/// The options all of them have: how many virtual tokens, and what those start from.
struct PromptOptions {
  /// Reads num_virtual_tokens, init (one of `inits`, the first by default) and init_text, which goes with init "text"
  /// alone.
  PromptOptions(Options& options, const std::vector<std::string>& inits);

  /// num_virtual_tokens ids to start from: with init "text" those of the text with special tokens, cut or repeated in
  /// turn as PEFT does; otherwise drawn from the whole vocabulary. Throws ConfigError for a text without a token.
  std::vector<int64_t> ids(const InjectionPoints& points) const;
  /// Vectors to start from, (P, C) in the trainable type, by init: "random" draws from normal distributions with the
  /// mean and deviation of each column of the embedding table, "normal" from N(0, 1), others take the table's rows of
  /// ids().
  torch::Tensor rows(const InjectionPoints& points) const;

  int64_t num_virtual_tokens;
  std::string init;
  std::string init_text;
};

/// Virtual tokens that are trained as they are: the parameter `prompt_embeddings`, (P, C).
class PromptTable final : public VirtualTokens {
 public:
  explicit PromptTable(torch::Tensor start) : table_(register_parameter("prompt_embeddings", std::move(start))) {}
  torch::Tensor forward() override { return table_; }
  int64_t num_virtual_tokens() const override { return table_.size(0); }

 private:
  torch::Tensor table_;  // (P, C)
};

/// The fields that PEFT's configurations of prompts have, all but the method's own.
Fields prompt_fields(const std::string& peft_type, int64_t num_virtual_tokens, int64_t token_dim, int64_t num_heads,
                     int64_t num_layers);

/// Options from a configuration of PEFT with this `peft_type`; nothing for another type. `renamed` and `inert` are the
/// method's own fields, as in options_from_peft_fields. Throws ConfigError as that does, and for prompts of
/// encoder-decoder models.
std::optional<Fields> prompt_options_from_peft(const Fields& config, const std::string& peft_type,
                                               std::vector<PeftName> renamed, std::vector<std::string> inert);

/// Room for the table (num_virtual_tokens, width) of a loaded adapter, whose tensor `prompt_embeddings` has that shape.
/// Throws ConfigError when it has not, or when the adapter is of another base: its `num_layers` differ, or its
/// `token_dim` is none of `token_dims`.
torch::Tensor prompt_room(const Adapter& loaded, const InjectionPoints& points, const std::vector<int64_t>& token_dims,
                          int64_t num_virtual_tokens, int64_t width);

}  // namespace peftlab
