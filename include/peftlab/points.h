// The injection points of the model: the places a method may fill.
//
// Dimensions, here and in every comment of the project:
//   N tokens in a batch, P virtual tokens, L layers, H query heads, K key/value heads, D head width, C model width,
//   V vocabulary.
#pragma once

#include <ATen/core/Generator.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peftlab/options.h"
#include "peftlab/storage.h"

namespace peftlab {

struct LowRankFactors;

struct ModelShape {
  std::string architecture;  // "llama", "qwen2" ...
  int64_t num_layers = 0;    // L
  int64_t num_heads = 0;     // H
  int64_t num_kv_heads = 0;  // K
  int64_t head_width = 0;    // D
  int64_t width = 0;         // C
  int64_t mlp_width = 0;
  int64_t vocab_size = 0;    // V
  bool tied_head = false;    // the output head is the embedding table
  std::string embedding = "model.embed_tokens";  // Hugging Face module path of the table
};

/// A frozen tensor of the model, under its Hugging Face name ("model.layers.3.input_layernorm.weight").
class FrozenParameter {
 public:
  FrozenParameter(std::string name, int64_t layer, torch::Tensor value);
  const std::string& name() const { return name_; }
  /// The layer it belongs to, or -1.
  int64_t layer() const { return layer_; }
  const torch::Tensor& value() const { return value_; }

 private:
  std::string name_;
  int64_t layer_;
  torch::Tensor value_;
};

/// A frozen matrix of the model, as seen by a patch.
class FrozenLinear {
 public:
  /// `name` is the Hugging Face module path, "model.layers.3.self_attn.q_proj"; `bias` (out) or undefined.
  FrozenLinear(std::string name, int64_t layer, std::shared_ptr<const WeightStorage> storage, torch::Tensor bias,
               bool fan_in_fan_out = false);

  /// (..., in) -> (..., out). The gradient reaches x alone.
  torch::Tensor operator()(const torch::Tensor& x) const;
  /// (out, in) in the compute type; made anew at each call where the matrix is kept packed.
  torch::Tensor weight() const { return storage_->dense(); }
  const torch::Tensor& bias() const { return bias_; }  // (out), or undefined
  const std::string& name() const { return name_; }
  int64_t layer() const { return layer_; }             // -1 for the output head
  int64_t in() const { return storage_->in(); }
  int64_t out() const { return storage_->out(); }
  /// Whether files keep the matrix as (in, out), as GPT-2's Conv1D: so does the FrozenParameter of its name. Here, and for
  /// patches, it is (out, in) all the same. PEFT writes fan_in_fan_out = true for an adapter of such matrices.
  bool fan_in_fan_out() const { return fan_in_fan_out_; }
  const std::shared_ptr<const WeightStorage>& storage() const { return storage_; }
  /// For the model alone: keeps the matrix in another way.
  void set_storage(std::shared_ptr<const WeightStorage> storage) { storage_ = std::move(storage); }

 private:
  std::string name_;
  int64_t layer_;
  std::shared_ptr<const WeightStorage> storage_;
  torch::Tensor bias_;  // (out), or undefined
  bool fan_in_fan_out_;
};

/// Vectors put before every sequence. Computed once per step and shared by all sequences.
class VirtualTokens : public torch::nn::Module {
 public:
  virtual torch::Tensor forward() = 0;            // (P, C)
  virtual int64_t num_virtual_tokens() const = 0;  // P
};

struct KeyValue {
  torch::Tensor key;    // (P, K, D)
  torch::Tensor value;  // (P, K, D)
};

/// Keys and values that every token may attend to, at positions 0 .. P-1; neither rotated nor normalised by the model.
class PrefixPatch : public torch::nn::Module {
 public:
  virtual std::vector<KeyValue> forward() = 0;     // one per layer
  virtual int64_t num_virtual_tokens() const = 0;  // P
};

/// Changes the embedding table, and the output head where it is tied to it.
class TablePatch : public torch::nn::Module {
 public:
  /// ids (N), the table's rows for them (N, C) -> (N, C).
  virtual torch::Tensor rows(const torch::Tensor& ids, const torch::Tensor& x);
  /// h (n, C), logits of the frozen head (n, V) -> (n, V). Called for a tied head only.
  virtual torch::Tensor head(const torch::Tensor& h, const torch::Tensor& logits);
  /// The table (V, C) that does the work of rows(), or nothing.
  virtual std::optional<torch::Tensor> merged(const torch::Tensor& table) const;
};

/// The weight and bias that do a patch's work.
struct Merged {
  torch::Tensor weight;  // (out, in), float32 or float64
  torch::Tensor bias;    // (out), or undefined
};

/// Replaces one weight matrix.
class WeightPatch : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const FrozenLinear& base, const torch::Tensor& x) = 0;  // (..., in) -> (..., out)
  /// Weight and bias that compute what forward() computes in evaluation, or nothing when there are none.
  virtual std::optional<Merged> merged(const FrozenLinear& base) const;
  /// The factors when forward() in evaluation is exactly a low-rank update, so that the model can compute points that share
  /// an input together and write the patch in formats that know nothing else.
  virtual std::optional<LowRankFactors> factors() const;
};

/// A trained copy used instead of a frozen tensor, in float32 (float64 for a float64 base) however the base is kept.
class ParameterPatch : public torch::nn::Module {
 public:
  explicit ParameterPatch(const FrozenParameter& base);
  /// The copy in the base's type, as the model computes with it; the gradient reaches the copy.
  virtual torch::Tensor forward();
  const torch::Tensor& value() const { return value_; }

 private:
  torch::Tensor value_;
  torch::ScalarType base_type_;
};

/// Handed to a method once, before training. A point that is filled twice, or that the model lacks, is a ConfigError that
/// names it.
class InjectionPoints {
 public:
  virtual ~InjectionPoints() = default;

  virtual const ModelShape& shape() const = 0;
  /// The type and device of the frozen model; trainable tensors are float32, or float64 for a float64 model.
  virtual torch::ScalarType base_type() const = 0;
  virtual torch::ScalarType trainable_type() const = 0;
  virtual torch::Device device() const = 0;

  /// Token ids of a text, with the special tokens a tokenizer adds by itself.
  virtual std::vector<int64_t> encode(const std::string& text) const = 0;
  /// What the model makes of each token before the first layer, without its position: (V, C). The table itself, except
  /// where the architecture scales its rows (Gemma): then scaled, and the table is the parameter shape().embedding + ".weight".
  virtual torch::Tensor embedding_table() const = 0;
  /// What the base model computes for `ids` at positions 0 .., after rotation and norms: one per layer, (n, K, D) each.
  virtual std::vector<KeyValue> keys_values(const std::vector<int64_t>& ids) const = 0;

  /// The linear layers that match, in the model's order. Throws ConfigError, listing the model's names, with a line for each
  /// name, regular expression or layer of `targets`, `exclude` and `layers` that matches none; where an adapter is read, the
  /// last two may.
  virtual std::vector<const FrozenLinear*> weights(const Targets& targets) const = 0;
  /// The tensors whose name or module matches, in the model's order; the same error.
  virtual std::vector<const FrozenParameter*> parameters(const Targets& targets) const = 0;

  virtual void fill_virtual_tokens(std::shared_ptr<VirtualTokens> patch) = 0;
  virtual void fill_prefix(std::shared_ptr<PrefixPatch> patch) = 0;
  virtual void fill_table(std::shared_ptr<TablePatch> patch) = 0;
  virtual void fill_weight(const FrozenLinear& base, std::shared_ptr<WeightPatch> patch) = 0;
  virtual void fill_parameter(const FrozenParameter& base, std::shared_ptr<ParameterPatch> patch) = 0;
  /// Keeps a frozen matrix in another way from now on.
  virtual void store(const FrozenLinear& base, std::shared_ptr<const WeightStorage> storage) = 0;

  /// A CPU generator for the random start of what `name` names: a function of the run's seed and the name alone, so that
  /// neither order nor number of other draws matters.
  virtual at::Generator generator(const std::string& name) const = 0;
};

}  // namespace peftlab
