// A model that is nothing but points: two layers of three matrices, a norm, a table and a head.
#pragma once

#include <ATen/CPUGeneratorImpl.h>

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "core/plugin/filled_points.h"
#include "core/plugin/target_match.h"
#include "peftlab/error.h"

namespace peftlab::plugin {

inline Targets named(const std::string& name) {
  Targets targets;
  targets.names = {name};
  return targets;
}

inline Targets every_module() {
  Targets targets;
  targets.regex = ".*";
  return targets;
}

class FakePoints : public FilledPoints {
 public:
  explicit FakePoints(uint64_t seed = 0, bool tied_head = false, torch::ScalarType type = torch::kFloat32) : seed_(seed), type_(type) {
    shape_ = {.architecture = "fake", .num_layers = 2, .num_heads = 2, .num_kv_heads = 1, .head_width = 2, .width = 4,
              .mlp_width = 6, .vocab_size = 10, .tied_head = tied_head};
    table_ = value("model.embed_tokens.weight", -1, {10, 4});
    for (int64_t layer = 0; layer < 2; ++layer) {
      const auto prefix = "model.layers." + std::to_string(layer) + ".";
      linear(prefix + "self_attn.q_proj", layer, 4, 4, true);
      linear(prefix + "self_attn.v_proj", layer, 4, 2, true);
      value(prefix + "input_layernorm.weight", layer, {4});
      linear(prefix + "mlp.down_proj", layer, 6, 4, false);
    }
    value("model.norm.weight", -1, {4});
    if (!tied_head) linear("lm_head", -1, 4, 10, false);
  }

  const ModelShape& shape() const override { return shape_; }
  torch::ScalarType base_type() const override { return type_; }
  torch::ScalarType trainable_type() const override { return type_ == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32; }
  torch::Device device() const override { return torch::kCPU; }
  std::vector<int64_t> encode(const std::string&) const override { return {1, 2, 3}; }
  torch::Tensor embedding_table() const override { return table_; }
  std::vector<KeyValue> keys_values(const std::vector<int64_t>&) const override { return {}; }
  std::vector<const FrozenLinear*> weights(const Targets& targets) const override {
    return matching(linears_, targets, [](const FrozenLinear& one) { return one.name(); });
  }
  std::vector<const FrozenParameter*> parameters(const Targets& targets) const override {
    return matching(parameters_, targets, [](const FrozenParameter& one) { return one.name().substr(0, one.name().rfind('.')); });
  }
  void fill_virtual_tokens(std::shared_ptr<VirtualTokens> patch) override { fill(PointKind::kVirtualTokens, "", patch); }
  void fill_prefix(std::shared_ptr<PrefixPatch> patch) override { fill(PointKind::kPrefix, "", patch); }
  void fill_table(std::shared_ptr<TablePatch> patch) override { fill(PointKind::kTable, "model.embed_tokens", patch); }
  void fill_weight(const FrozenLinear& base, std::shared_ptr<WeightPatch> patch) override {
    fill(PointKind::kWeight, base.name(), patch);
  }
  void fill_parameter(const FrozenParameter& base, std::shared_ptr<ParameterPatch> patch) override {
    fill(PointKind::kParameter, base.name(), patch);
  }
  void store(const FrozenLinear&, std::shared_ptr<const WeightStorage>) override {}
  at::Generator generator(const std::string& name) const override {
    return at::detail::createCPUGenerator(seed_ ^ std::hash<std::string>()(name));
  }
  std::vector<FilledPoint> filled() const override { return filled_; }
  void set_filler(const std::string& method, bool reads_adapter) override {
    filler_ = method;
    reads_adapter_ = reads_adapter;
  }

  /// The patch of a point, or null.
  template <typename Patch>
  std::shared_ptr<Patch> patch(const std::string& name) const {
    for (const auto& point : filled_) {
      if (point.name == name) return std::dynamic_pointer_cast<Patch>(point.patch);
    }
    return nullptr;
  }
  const FrozenLinear& linear_named(const std::string& name) const { return *weights(named(name)).front(); }

 private:
  torch::Tensor value(const std::string& name, int64_t layer, at::IntArrayRef sizes) {
    auto drawn = torch::empty(sizes).normal_(0.0, 1.0, at::detail::createCPUGenerator(std::hash<std::string>()(name))).to(type_);
    parameters_.emplace_back(name, layer, drawn);
    return drawn;
  }
  void linear(const std::string& name, int64_t layer, int64_t in, int64_t out, bool has_bias) {
    auto weight = value(name + ".weight", layer, {out, in});
    auto bias = has_bias ? value(name + ".bias", layer, {out}) : torch::Tensor();
    linears_.emplace_back(name, layer, std::make_shared<DenseStorage>(weight), bias);
  }
  template <typename T, typename ModuleOf>
  std::vector<const T*> matching(const std::deque<T>& all, const Targets& targets, ModuleOf module_of) const {
    std::vector<TargetModule> modules;
    for (const auto& one : all) modules.push_back({module_of(one), one.layer(), one.layer() >= 0});
    const auto matches = match_targets(modules, targets, {.accepts_unmatched = reads_adapter_});
    std::vector<const T*> found;
    for (size_t i = 0; i < matches.size(); ++i) {
      if (matches[i]) found.push_back(&all[i]);
    }
    return found;
  }
  void fill(PointKind kind, const std::string& name, std::shared_ptr<torch::nn::Module> patch) {
    const auto [at, fresh] = fillers_.emplace(name, filler_);
    if (!fresh) throw ConfigError(name + " is filled twice: by " + at->second + " and by " + filler_);
    filled_.push_back({kind, name, std::move(patch)});
  }

  uint64_t seed_;
  torch::ScalarType type_;
  ModelShape shape_;
  torch::Tensor table_;
  std::deque<FrozenLinear> linears_;
  std::deque<FrozenParameter> parameters_;
  std::vector<FilledPoint> filled_;
  std::map<std::string, std::string> fillers_;
  std::string filler_ = "a method";
  bool reads_adapter_ = false;
};

}  // namespace peftlab::plugin
