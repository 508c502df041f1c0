#include "core/model/weights.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "core/model/lazy_storage.h"

namespace peftlab::model {

/// Reads tensors by name, checks their shapes and notes what it has seen.
struct Weights::Loader {
  Weights& weights;
  const WeightSource& source;
  torch::ScalarType type;
  torch::Device device;
  const Reading& reading;
  io::Mistakes mistakes;
  std::set<std::string> seen;

  void say(const std::string& what) { mistakes.add(source.path().string(), "", "tensor " + what); }

  /// Whether the tensor is there in that shape.
  bool fits(const std::string& name, const std::vector<int64_t>& shape) {
    seen.insert(name);
    if (!source.has(name)) {
      say(name + " is missing");
      return false;
    }
    const auto found = source.shape(name);
    if (found == shape) return true;
    std::ostringstream text;
    text << name << " has shape " << torch::IntArrayRef(found) << ", expected " << torch::IntArrayRef(shape);
    say(text.str());
    return false;
  }

  ParameterSlot* slot(const std::string& name, int64_t layer, const torch::Tensor& value) {
    weights.parameters_.push_back({FrozenParameter(name, layer, value), nullptr, &weights.patched});
    return &weights.parameters_.back();
  }

  ParameterSlot* parameter(const std::string& name, int64_t layer, const std::vector<int64_t>& shape) {
    return slot(name, layer, fits(name, shape) ? source.read(name, type).to(device) : torch::Tensor());
  }

  std::shared_ptr<const WeightStorage> quantized(const std::string& name) {
    const auto& how = *reading.quantization;
    try {
      const auto whole = source.read_matrix(name, how.source_type.value_or(type));
      return kernels::quantized_storage(whole, how.options, type)->to(device);
    } catch (const ConfigError& error) {
      say(name + ": " + error.what());
      return nullptr;
    }
  }

  /// What a layer's matrix is kept in where that is not a tensor in memory; else nullptr.
  std::shared_ptr<const WeightStorage> apart(const std::string& name, int64_t layer) {
    if (const auto packed = source.quantized(name, type)) return packed->to(device);
    if (layer < 0) return nullptr;
    if (reading.quantization) return quantized(name);
    return reading.lazily ? std::make_shared<LazyStorage>(source, name, type, device) : nullptr;
  }

  LinearSlot* linear(const std::string& module, int64_t layer, int64_t out, int64_t in, bool bias) {
    const std::string name = module + ".weight";
    const bool turned = layer >= 0 && source.spec().fan_in_fan_out;
    torch::Tensor value;
    std::shared_ptr<const WeightStorage> storage;
    // Four-bit files of turned matrices hold them as (out, in): they were made of linear layers put in their places.
    if (fits(name, turned && !source.is_quantized() ? std::vector{in, out} : std::vector{out, in})) {
      storage = apart(name, layer);
      if (storage == nullptr && mistakes.empty()) storage = std::make_shared<DenseStorage>(value = (layer < 0 ? source.read(name, type) : source.read_matrix(name, type)).to(device));
    }
    // The parameter of a turned matrix is a view of what the products are made with.
    ParameterSlot* weight = slot(name, layer, turned && value.defined() ? value.t() : value);
    ParameterSlot* shift = bias ? parameter(module + ".bias", layer, {out}) : nullptr;
    if (!mistakes.empty()) return nullptr;
    FrozenLinear base(module, layer, storage, bias ? shift->base.value() : torch::Tensor(), turned);
    weights.linears_.push_back({base, nullptr, weight, shift, &weights.patched});
    return &weights.linears_.back();
  }

  /// The norm of a layer, or none where the architecture gives it no name.
  NormSlot optional_norm(const std::string& module, int64_t layer) {
    if (module.empty()) return {};
    return norm(source.spec().layer_name(layer, module), layer, source.spec().shape.width);
  }

  NormSlot norm(const std::string& module, int64_t layer, int64_t width) {
    NormSlot slot{parameter(module + ".weight", layer, {width}), nullptr};
    if (source.spec().norm.kind == NormKind::layer) slot.bias = parameter(module + ".bias", layer, {width});
    return slot;
  }

  /// Rows of each query/key/value module: three apart, or one that holds all.
  std::vector<int64_t> query_key_value_rows() const {
    const ModelShape& s = source.spec().shape;
    const int64_t q = s.num_heads * s.head_width, kv = s.num_kv_heads * s.head_width;
    if (source.spec().names.query_key_value.size() == 1) return {q + 2 * kv};
    return {q, kv, kv};
  }

  Layer layer(int64_t i) {
    const DecoderSpec& spec = source.spec();
    const ModelShape& s = spec.shape;
    const ModuleNames& n = spec.names;
    Layer layer;
    layer.index = i;
    layer.attention_norm = norm(spec.layer_name(i, n.attention_norm), i, s.width);
    const auto rows = query_key_value_rows();
    for (size_t j = 0; j < rows.size(); ++j) {
      layer.query_key_value.push_back(
          linear(spec.layer_name(i, n.query_key_value[j]), i, rows[j], s.width, spec.query_key_value_bias));
    }
    if (spec.query_key_norm) {
      layer.query_norm = norm(spec.layer_name(i, n.query_norm), i, s.head_width);
      layer.key_norm = norm(spec.layer_name(i, n.key_norm), i, s.head_width);
    }
    layer.attention_output = linear(spec.layer_name(i, n.attention_output), i, s.width, s.num_heads * s.head_width,
                                    spec.attention_output_bias);
    layer.attention_post_norm = optional_norm(n.attention_post_norm, i);
    layer.mlp_norm = norm(spec.layer_name(i, n.mlp_norm), i, s.width);
    const int64_t parts = spec.mlp.gated && n.mlp_input.size() == 1 ? 2 : 1;
    for (const auto& module : n.mlp_input) {
      layer.mlp_input.push_back(linear(spec.layer_name(i, module), i, parts * s.mlp_width, s.width, spec.mlp_bias));
    }
    layer.mlp_output = linear(spec.layer_name(i, n.mlp_output), i, s.width, s.mlp_width, spec.mlp_bias);
    layer.mlp_post_norm = optional_norm(n.mlp_post_norm, i);
    return layer;
  }

  /// A tied head may be there again; old files carry the rotary frequencies and masks.
  bool harmless(const std::string& name) const {
    const DecoderSpec& spec = source.spec();
    const auto& ends = spec.names.ignored;
    return name.ends_with("rotary_emb.inv_freq") || (spec.shape.tied_head && name == spec.names.head + ".weight") ||
           std::any_of(ends.begin(), ends.end(), [&](const std::string& end) { return name.ends_with(end); });
  }

  /// Tensors that nothing asked for.
  void refuse_unexpected() {
    const DecoderSpec& spec = source.spec();
    for (const auto& name : source.names()) {
      if (!seen.contains(name) && !harmless(name)) {
        mistakes.add(source.path().string(), "", "tensor " + name + " is not part of architecture " + spec.shape.architecture);
      }
    }
  }
};

namespace {

void refuse_quantizing_twice(const WeightSource& source) {
  if (!source.is_quantized()) return;
  throw ConfigError(source.path().string() + ": the model is kept as " + source.stored_type() +
                    " already, and quantising it again would only add error; give the model it was made of, or leave it as it is");
}

}  // namespace

Weights::Weights(const WeightSource& source, torch::ScalarType type, torch::Device device, const Reading& reading) {
  torch::NoGradGuard no_grad;
  if (reading.quantization) refuse_quantizing_twice(source);
  const DecoderSpec& spec = source.spec();
  Loader loader{*this, source, type, device, reading, {}, {}};
  embedding = loader.parameter(spec.names.embedding + ".weight", -1, {spec.shape.vocab_size, spec.shape.width});
  if (!spec.names.positions.empty()) {
    positions = loader.parameter(spec.names.positions + ".weight", -1, {spec.max_positions, spec.shape.width});
  }
  for (int64_t i = 0; i < spec.shape.num_layers; ++i) layers.push_back(loader.layer(i));
  final_norm = loader.norm(spec.names.final_norm, -1, spec.shape.width);
  if (!spec.shape.tied_head) head = loader.linear(spec.names.head, -1, spec.shape.vocab_size, spec.shape.width, /*bias=*/false);
  loader.refuse_unexpected();
  loader.mistakes.throw_if_any();
}

bool is_whole(const WeightStorage& storage) {
  return dynamic_cast<const DenseStorage*>(&storage) != nullptr || dynamic_cast<const LazyStorage*>(&storage) != nullptr;
}

int64_t Weights::num_parameters() const {
  int64_t total = 0;
  std::set<const ParameterSlot*> matrices;
  for (const auto& linear : linears_) {
    total += linear.base.in() * linear.base.out();
    matrices.insert(linear.weight);
  }
  for (const auto& slot : parameters_) {
    if (!matrices.contains(&slot)) total += slot.base.value().numel();
  }
  return total;
}

void Weights::load(ParameterSlot& slot) {
  const auto owner = std::find_if(linears_.begin(), linears_.end(), [&](const auto& linear) { return linear.weight == &slot; });
  if (owner == linears_.end() || dynamic_cast<const LazyStorage*>(owner->base.storage().get()) == nullptr) return;
  const auto value = owner->base.weight();
  owner->base.set_storage(std::make_shared<DenseStorage>(value));
  slot.base = FrozenParameter(slot.base.name(), slot.base.layer(), owner->turned(value));
}

void Weights::load_rest() {
  for (auto& linear : linears_) load(*linear.weight);
}

int64_t Weights::bytes() const {
  int64_t total = 0;
  std::set<const ParameterSlot*> matrices;
  for (const auto& linear : linears_) {
    total += linear.base.storage()->bytes();
    matrices.insert(linear.weight);
  }
  for (const auto& slot : parameters_) {
    if (!matrices.contains(&slot)) total += static_cast<int64_t>(slot.base.value().nbytes());
  }
  return total;
}

}  // namespace peftlab::model
