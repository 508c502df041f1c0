#include "core/plugin/decoder_points.h"

#include <ATen/CPUGeneratorImpl.h>

#include <set>

#include "core/io/streams.h"

namespace peftlab::plugin {

DecoderPoints::DecoderPoints(model::Decoder& decoder, uint64_t seed, Encode encode)
    : decoder_(decoder), seed_(seed), encode_(std::move(encode)) {}

torch::ScalarType DecoderPoints::trainable_type() const {
  return decoder_.type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

std::vector<int64_t> DecoderPoints::encode(const std::string& text) const {
  if (!encode_) throw ConfigError("the model has no tokenizer, which is needed to start from a text");
  return encode_(text);
}

std::vector<KeyValue> DecoderPoints::keys_values(const std::vector<int64_t>& ids) const {
  check_positions(static_cast<int64_t>(ids.size()));
  torch::NoGradGuard no_grad;
  model::PatchesOff off(decoder_);
  model::Context made;
  decoder_.hidden(model::make_batch({model::unlabelled(ids)}, /*share_beginning=*/false), nullptr, &made);
  return made.layers;
}

std::vector<const FrozenLinear*> DecoderPoints::weights(const Targets& targets) const {
  const auto& linears = decoder_.weights().linears();
  std::vector<TargetModule> modules;
  for (const auto& slot : linears) {
    const auto& [name, layer] = std::pair(slot.base.name(), slot.base.layer());
    modules.push_back({name, layer, /*all_linear=*/layer >= 0, parts_of(name, layer)});
  }
  const auto matches = match_targets(modules, targets, rules(modules));
  std::vector<const FrozenLinear*> found;
  for (size_t i = 0; i < matches.size(); ++i) {
    if (matches[i]) found.push_back(&linears[i].base);
  }
  return found;
}

std::vector<const FrozenParameter*> DecoderPoints::parameters(const Targets& targets) const {
  auto& slots = decoder_.weights().parameters();
  std::vector<TargetModule> modules;
  for (const auto& slot : slots) {
    const auto module = slot.base.name().substr(0, slot.base.name().rfind('.'));
    modules.push_back({module, slot.base.layer(), /*all_linear=*/false, parts_of(module, slot.base.layer())});
  }
  const auto matches = match_targets(modules, targets, rules(modules));
  std::vector<const FrozenParameter*> found;
  for (size_t i = 0; i < matches.size(); ++i) {
    if (!matches[i]) continue;
    decoder_.weights().load(slots[i]);
    found.push_back(&slots[i].base);
  }
  return found;
}

std::vector<std::string> DecoderPoints::parts_of(const std::string& module, int64_t layer) const {
  static const model::ModuleNames usual;  // each matrix by itself
  const auto& spec = decoder_.spec();
  const auto is = [&](const std::vector<std::string>& names) {
    return names.size() == 1 && layer >= 0 && module == spec.layer_name(layer, names[0]);
  };
  std::vector<std::string> parts;
  if (is(spec.names.query_key_value)) parts = usual.query_key_value;
  if (spec.mlp.gated && is(spec.names.mlp_input)) parts = usual.mlp_input;
  for (auto& part : parts) part = part.substr(part.rfind('.') + 1);
  return parts;
}

MatchRules DecoderPoints::rules(const std::vector<TargetModule>& modules) const {
  std::set<std::string> here;
  for (const auto& module : modules) here.insert(module.name);
  MatchRules rules{{}, reads_adapter_};
  const auto add = [&](const std::string& module) {
    if (here.insert(module).second) rules.others.push_back(module);
  };
  for (const auto& slot : decoder_.weights().parameters()) add(slot.base.name().substr(0, slot.base.name().rfind('.')));
  add(decoder_.spec().names.head);  // also where it is the embedding table
  return rules;
}

void DecoderPoints::claim(const std::string& point, const char* is) {
  const auto [at, fresh] = claimed_.emplace(point, filler_);
  if (!fresh) throw ConfigError(point + " " + is + " filled twice: by " + at->second + " and by " + filler_);
}

// At least one position must be left for a text.
void DecoderPoints::check_positions(int64_t num_virtual) const {
  const int64_t most = decoder_.spec().max_positions - 1;
  if (num_virtual <= most) return;
  throw ConfigError(std::to_string(num_virtual) + " virtual tokens before every sequence, and the model has " +
                    std::to_string(most + 1) + " positions in all, expected at most " + std::to_string(most));
}

void DecoderPoints::fill_virtual_tokens(std::shared_ptr<VirtualTokens> patch) {
  const int64_t num_prefix = decoder_.prefix ? decoder_.prefix->num_virtual_tokens() : 0;
  check_positions(patch->num_virtual_tokens() + num_prefix);
  claim("the virtual tokens", "are");
  decoder_.virtual_tokens = std::move(patch);
}

void DecoderPoints::fill_prefix(std::shared_ptr<PrefixPatch> patch) {
  const int64_t num_rows = decoder_.virtual_tokens ? decoder_.virtual_tokens->num_virtual_tokens() : 0;
  check_positions(patch->num_virtual_tokens() + num_rows);
  claim("the prefix");
  decoder_.prefix = std::move(patch);
}

void DecoderPoints::fill_table(std::shared_ptr<TablePatch> patch) {
  claim(decoder_.spec().names.embedding);
  decoder_.table = std::move(patch);
}

void DecoderPoints::fill_weight(const FrozenLinear& base, std::shared_ptr<WeightPatch> patch) {
  claim(base.name());
  slot_of(base).patch = std::move(patch);
}

void DecoderPoints::fill_parameter(const FrozenParameter& base, std::shared_ptr<ParameterPatch> patch) {
  const std::string module = base.name().substr(0, base.name().rfind('.'));
  const auto patched = claimed_.find(module);
  if (patched != claimed_.end()) throw ConfigError(base.name() + " is filled twice: by " + patched->second + " and by " + filler_);
  claim(base.name());
  slot_of(base).patch = std::move(patch);
}

void DecoderPoints::store(const FrozenLinear& base, std::shared_ptr<const WeightStorage> storage) {
  model::LinearSlot& slot = slot_of(base);
  TORCH_CHECK(storage->in() == base.in() && storage->out() == base.out(), "storage of (", storage->out(), ", ", storage->in(),
              ") for ", base.name(), " of (", base.out(), ", ", base.in(), ")");
  if (!model::is_whole(*base.storage())) {
    throw ConfigError(base.name() + " is kept as " + base.storage()->kind() +
                      " already, and quantising it again would only add error; give a model that is not quantised, or a method that "
                      "takes matrices as they are kept");
  }
  slot.base.set_storage(std::move(storage));
  slot.weight->base = FrozenParameter(slot.weight->base.name(), base.layer(), torch::Tensor());
}

at::Generator DecoderPoints::generator(const std::string& name) const {
  return at::detail::createCPUGenerator(io::stream_seed(seed_, io::kInitStream, name));
}

std::vector<FilledPoint> DecoderPoints::filled() const {
  std::vector<FilledPoint> points;
  if (decoder_.virtual_tokens) points.push_back({PointKind::kVirtualTokens, "", decoder_.virtual_tokens});
  if (decoder_.prefix) points.push_back({PointKind::kPrefix, "", decoder_.prefix});
  if (decoder_.table) points.push_back({PointKind::kTable, decoder_.spec().names.embedding, decoder_.table});
  for (const auto& slot : decoder_.weights().linears()) {
    if (slot.patch) points.push_back({PointKind::kWeight, slot.base.name(), slot.patch});
  }
  for (const auto& slot : decoder_.weights().parameters()) {
    if (slot.patch) points.push_back({PointKind::kParameter, slot.base.name(), slot.patch});
  }
  return points;
}

model::LinearSlot& DecoderPoints::slot_of(const FrozenLinear& base) const {
  for (auto& slot : decoder_.weights().linears()) {
    if (&slot.base == &base) return slot;
  }
  throw ConfigError(base.name() + " is not a linear layer of this model");
}

model::ParameterSlot& DecoderPoints::slot_of(const FrozenParameter& base) const {
  for (auto& slot : decoder_.weights().parameters()) {
    if (&slot.base == &base) return slot;
  }
  throw ConfigError(base.name() + " is not a tensor of this model");
}

}  // namespace peftlab::plugin
