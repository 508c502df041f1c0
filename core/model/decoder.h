// The decoder: a frozen transformer whose injection points are filled or empty.
#pragma once

#include <memory>
#include <vector>

#include "core/kernels/attention.h"
#include "core/kernels/decode_attention.h"
#include "core/model/batch.h"
#include "core/model/rotary_table.h"
#include "core/model/weights.h"

namespace peftlab::model {

/// Keys and values already computed, seen by every token that follows: a shared beginning, with the prefix or the virtual
/// tokens before it.
struct Context {
  std::vector<KeyValue> layers;  // (S, K, D) each
  torch::Tensor positions;       // (S) int64, on the CPU
};

/// Keys and values of sequences that grow token by token after a shared context.
struct GrowingCache {
  const Context* shared = nullptr;  // nullptr: nothing shared
  std::vector<KeyValue> layers;     // keys (B, K, D, T) and values (B, T, K, D), as kernels::DecodeCache has them
  torch::Tensor lengths;            // (B) int64, on the CPU
  torch::Tensor positions;          // (B) int64, on the CPU: of the token to come
};

class Decoder {
 public:
  /// Reads the model in `type` on `device`. Throws ConfigError as Weights does.
  Decoder(const WeightSource& source, torch::ScalarType type, torch::Device device, const Reading& reading = {});
  ~Decoder();

  const DecoderSpec& spec() const { return spec_; }
  Weights& weights() { return *weights_; }
  const Weights& weights() const { return *weights_; }
  torch::ScalarType type() const { return type_; }
  torch::Device device() const { return device_; }

  /// Rows after the last layer, before the final norm. Virtual tokens come first: (P + N, C), P = num_virtual_rows() without a
  /// context and 0 with one. With `context`, the batch goes on after it, and the context must hold what fills virtual tokens
  /// and prefix. `made`, when given, receives keys and values of context, prefix and all rows; then texts are all long or all
  /// short for the rotation. Throws ConfigError for a text longer than the table of learned positions.
  torch::Tensor hidden(const Batch& batch, const Context* context = nullptr, Context* made = nullptr) const;

  /// One token for each sequence: ids (B) -> rows (B, C) before the final norm. Writes its keys and values into `cache` and
  /// moves lengths and positions on. No gradients. REQUIRES: no text becomes longer than longest_short() by it.
  torch::Tensor next(const torch::Tensor& ids, GrowingCache& cache) const;

  /// Final norm and head: (n, C) -> (n, V).
  torch::Tensor logits(const torch::Tensor& rows) const;
  /// Negative log-likelihood of each label of the batch: (M), float32 (float64 for a float64 model).
  torch::Tensor label_losses(const Batch& batch) const;

  /// Rows that virtual tokens add before every sequence, and positions that virtual tokens and prefix take.
  int64_t num_virtual_rows() const;
  int64_t num_virtual_positions() const;

  /// Tokens, with virtual positions, of the longest text that is rotated as short ones are; a longer one must be computed anew
  /// from its beginning. 0: all texts are rotated alike.
  int64_t longest_short() const { return rotary_.longest_short(); }
  /// Whether a beginning of all these texts is the same whatever follows it.
  bool may_share(const std::vector<Sequence>& sequences) const;
  /// Tokens of the longest text that fits behind what stands before it; without learned positions there is no limit.
  int64_t longest_text() const;
  /// Throws ConfigError when a text of `num_tokens` with what stands before it is longer than the table of learned positions.
  void check_length(int64_t num_tokens) const;
  /// Rows of the embedding table as the first layer gets them, positions left out: (n, C) -> (n, C).
  torch::Tensor scaled_rows(const torch::Tensor& rows) const;

  /// Keeps only the input of each layer in training and computes the layer again in the backward pass.
  void set_checkpointing(bool on) { checkpointing_ = on; }
  bool checkpointing() const { return checkpointing_; }

  // What fills the points that are not a tensor of the model.
  std::shared_ptr<VirtualTokens> virtual_tokens;
  std::shared_ptr<PrefixPatch> prefix;
  std::shared_ptr<TablePatch> table;
  /// Trainable tensors that no patch of a single layer holds; a recomputed layer may reach them.
  std::vector<torch::Tensor> shared_parameters;

 private:
  struct Rows;
  torch::Tensor embed(const torch::Tensor& ids) const;
  torch::Tensor with_positions(const torch::Tensor& h, const torch::Tensor& positions) const;
  torch::Tensor hidden_alike(const Batch& batch, bool long_texts, const Context* context, Context* made) const;
  torch::Tensor capped(const torch::Tensor& logits) const;
  void put_virtual_before(Rows& rows, torch::Tensor& h) const;
  torch::Tensor run_layer(const Layer& layer, const Rows& rows, const std::vector<torch::Tensor>& inputs, Context* made) const;
  std::vector<torch::Tensor> trainable_in(const Layer& layer) const;
  kernels::AttentionOptions attention_options(const Layer& layer) const;
  bool patched() const { return weights_->patched; }

  DecoderSpec spec_;
  torch::ScalarType type_;
  torch::Device device_;
  std::unique_ptr<Weights> weights_;
  RotaryTable rotary_;
  double embedding_scale_;  // rounded to the model's type
  bool checkpointing_ = false;
};

/// Switches every patch off while it lives: the model computes what the base model computes, bit for bit.
class PatchesOff {
 public:
  explicit PatchesOff(Decoder& decoder) : decoder_(decoder), before_(decoder.weights().patched) { decoder.weights().patched = false; }
  ~PatchesOff() { decoder_.weights().patched = before_; }
  PatchesOff(const PatchesOff&) = delete;
  PatchesOff& operator=(const PatchesOff&) = delete;

 private:
  Decoder& decoder_;
  bool before_;
};

}  // namespace peftlab::model
