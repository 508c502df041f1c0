// The injection points of a decoder, as methods see them.
#pragma once

#include <functional>
#include <map>

#include "core/model/decoder.h"
#include "core/plugin/filled_points.h"
#include "core/plugin/target_match.h"

namespace peftlab::plugin {

class DecoderPoints final : public FilledPoints {
 public:
  using Encode = std::function<std::vector<int64_t>(const std::string&)>;

  /// REQUIRES: `decoder` outlives this. `encode` gives the ids of a text with special tokens; empty: a ConfigError says that
  /// the model has no tokenizer. `seed` is the run's.
  DecoderPoints(model::Decoder& decoder, uint64_t seed, Encode encode);

  const ModelShape& shape() const override { return decoder_.spec().shape; }
  torch::ScalarType base_type() const override { return decoder_.type(); }
  torch::ScalarType trainable_type() const override;
  torch::Device device() const override { return decoder_.device(); }
  std::vector<int64_t> encode(const std::string& text) const override;
  torch::Tensor embedding_table() const override { return decoder_.scaled_rows(decoder_.weights().embedding->base.value()); }
  std::vector<KeyValue> keys_values(const std::vector<int64_t>& ids) const override;
  std::vector<const FrozenLinear*> weights(const Targets& targets) const override;
  std::vector<const FrozenParameter*> parameters(const Targets& targets) const override;
  void fill_virtual_tokens(std::shared_ptr<VirtualTokens> patch) override;
  void fill_prefix(std::shared_ptr<PrefixPatch> patch) override;
  void fill_table(std::shared_ptr<TablePatch> patch) override;
  void fill_weight(const FrozenLinear& base, std::shared_ptr<WeightPatch> patch) override;
  void fill_parameter(const FrozenParameter& base, std::shared_ptr<ParameterPatch> patch) override;
  void store(const FrozenLinear& base, std::shared_ptr<const WeightStorage> storage) override;
  at::Generator generator(const std::string& name) const override;

  std::vector<FilledPoint> filled() const override;
  void set_filler(const std::string& method, bool reads_adapter) override {
    filler_ = method;
    reads_adapter_ = reads_adapter;
  }

 private:
  model::LinearSlot& slot_of(const FrozenLinear& base) const;
  model::ParameterSlot& slot_of(const FrozenParameter& base) const;
  /// Notes who fills `point`. Throws ConfigError naming both when it is filled already. `is` is the verb that goes with
  /// it.
  void claim(const std::string& point, const char* is = "is");
  /// What match_targets is to know beside `modules`.
  MatchRules rules(const std::vector<TargetModule>& modules) const;
  /// The parts of a matrix that holds several together; empty: it is one, or no matrix.
  std::vector<std::string> parts_of(const std::string& module, int64_t layer) const;
  /// Throws ConfigError when so many virtual tokens leave no position of the model for a text.
  void check_positions(int64_t num_virtual) const;

  model::Decoder& decoder_;
  uint64_t seed_;
  Encode encode_;
  std::string filler_ = "a method";
  bool reads_adapter_ = false;
  std::map<std::string, std::string> claimed_;  // point -> method
};

}  // namespace peftlab::plugin
