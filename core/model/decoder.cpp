#include "core/model/decoder.h"

#include "core/kernels/cross_entropy.h"
#include "core/model/layer.h"
#include "core/model/recompute.h"

namespace peftlab::model {
namespace {

torch::Tensor frequencies_of(const DecoderSpec& spec, torch::ScalarType type, torch::Device device) {
  const auto exact = torch::tensor(spec.rotary.frequencies, torch::kFloat64);
  return exact.to(device, type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
}

Rotation rotation_at(const torch::Tensor& positions, const torch::Tensor& frequencies) {
  const auto angles = positions.to(frequencies.device(), frequencies.scalar_type()).unsqueeze(1) * frequencies;
  return {angles.cos(), angles.sin()};
}

/// The layout with `num_rows` rows of virtual tokens before everything, as parent of all roots.
kernels::Layout after_virtual_rows(const kernels::Layout& layout, int64_t num_rows, int64_t first_position) {
  kernels::Layout moved;
  moved.segments.push_back({0, num_rows, -1});
  for (const auto& s : layout.segments) moved.segments.push_back({s.begin + num_rows, s.end + num_rows, s.parent + 1});
  moved.positions = torch::cat({torch::arange(first_position, first_position + num_rows), layout.positions});
  return moved;
}

KeyValue joined(const KeyValue& first, const KeyValue& second) {
  if (!first.key.defined()) return second;
  return {torch::cat({first.key, second.key}), torch::cat({first.value, second.value})};
}

torch::Tensor all_positions(const kernels::Layout& layout) {
  return layout.context_positions.defined() ? torch::cat({layout.context_positions, layout.positions}) : layout.positions;
}

}  // namespace

/// What all layers of one pass share.
struct Decoder::Rows {
  kernels::Layout layout;
  Rotation rotation;
  std::vector<KeyValue> seen;  // of each layer, before the rows; keys undefined: nothing

  KeyValue before(int64_t layer) const { return seen.empty() ? KeyValue{} : seen[layer]; }
};

Decoder::Decoder(const WeightSource& source, torch::ScalarType type, torch::Device device, const Reading& reading)
    : spec_(source.spec()), type_(type), device_(device), weights_(std::make_unique<Weights>(source, type, device, reading)),
      frequencies_(frequencies_of(spec_, type, device)) {}

Decoder::~Decoder() = default;

int64_t Decoder::num_virtual_rows() const { return patched() && virtual_tokens ? virtual_tokens->num_virtual_tokens() : 0; }

int64_t Decoder::num_virtual_positions() const {
  return num_virtual_rows() + (patched() && prefix ? prefix->num_virtual_tokens() : 0);
}

torch::Tensor Decoder::embed(const torch::Tensor& ids) const {
  const auto on_device = ids.to(device_);
  const auto rows = weights_->embedding->active() ? at::embedding((*weights_->embedding)(), on_device)
                                                  : weights_->embedding->base.value().index_select(0, on_device);
  return patched() && table ? table->rows(on_device, rows) : rows;
}

void Decoder::put_virtual_before(Rows& rows, torch::Tensor& h) const {
  const int64_t num_rows = num_virtual_rows();
  const int64_t num_prefix = num_virtual_positions() - num_rows;
  if (num_rows > 0) {
    rows.layout = after_virtual_rows(rows.layout, num_rows, num_prefix);
    h = torch::cat({virtual_tokens->forward().to(type_), h});
  }
  if (num_prefix > 0) {
    for (const auto& kv : prefix->forward()) rows.seen.push_back({kv.key.to(type_), kv.value.to(type_)});
    rows.layout.context_positions = torch::arange(num_prefix);
  }
}

torch::Tensor Decoder::run_layer(const Layer& layer, const Rows& rows, const std::vector<torch::Tensor>& in, Context* made) const {
  const KeyValue seen{in[1], in[2]};
  const Attend attend = [&](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
    if (made != nullptr) made->layers.push_back(joined(seen, {k, v}));
    return kernels::attention(q, k, v, seen.key, seen.value, rows.layout, attention_options(layer));
  };
  return layer_forward(spec_, layer, in[0], rows.rotation, attend);
}

torch::Tensor Decoder::hidden(const Batch& batch, const Context* context, Context* made) const {
  Rows rows{batch.layout, {}, {}};
  rows.layout.positions = batch.layout.positions + num_virtual_positions();
  torch::Tensor h = embed(batch.ids);
  if (context == nullptr) {
    put_virtual_before(rows, h);
  } else {
    rows.seen = context->layers;
    rows.layout.context_positions = context->positions;
  }
  rows.rotation = rotation_at(rows.layout.positions, frequencies_);
  if (made != nullptr) *made = {{}, all_positions(rows.layout)};
  const bool recompute = checkpointing_ && torch::GradMode::is_enabled() && made == nullptr;
  for (const Layer& layer : weights_->layers) {
    const KeyValue seen = rows.before(layer.index);
    const std::vector<torch::Tensor> inputs = {h, seen.key, seen.value};
    if (!recompute) {
      h = run_layer(layer, rows, inputs, made);
      continue;
    }
    const auto piece = [this, &layer, rows](const std::vector<torch::Tensor>& in) { return run_layer(layer, rows, in, nullptr); };
    h = recomputed(piece, inputs, trainable_in(layer));
  }
  return h;
}

std::vector<torch::Tensor> Decoder::trainable_in(const Layer& layer) const {
  std::vector<torch::Tensor> found = shared_parameters;
  const auto take = [&](const torch::nn::Module* patch) {
    if (patch == nullptr) return;
    for (const auto& tensor : patch->parameters()) found.push_back(tensor);
  };
  for (const auto& slot : weights_->linears()) {
    if (slot.base.layer() == layer.index) take(slot.patch.get());
  }
  for (const auto& slot : weights_->parameters()) {
    if (slot.base.layer() == layer.index) take(slot.patch.get());
  }
  return found;
}

kernels::AttentionOptions Decoder::attention_options(const Layer& layer) const {
  return {spec_.attention_scale, spec_.windows[layer.index], /*softcap=*/0.0};
}

torch::Tensor Decoder::next(const torch::Tensor& ids, GrowingCache& cache) const {
  torch::NoGradGuard no_grad;
  torch::Tensor h = embed(ids);
  const Rotation rotation = rotation_at(cache.positions, frequencies_);
  const auto slot = cache.lengths.to(device_);
  cache.lengths = cache.lengths + 1;
  const auto sequences = torch::arange(ids.size(0), torch::TensorOptions(device_).dtype(torch::kInt64));
  for (const Layer& layer : weights_->layers) {
    KeyValue& own = cache.layers[layer.index];
    const Attend attend = [&](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
      own.key.index_put_({sequences, slot}, k);
      own.value.index_put_({sequences, slot}, v);
      kernels::DecodeCache view{{}, {}, own.key, own.value, cache.lengths, {}, cache.positions};
      if (cache.shared != nullptr) {
        const KeyValue& shared = cache.shared->layers[layer.index];
        view.shared_k = shared.key;
        view.shared_v = shared.value;
        view.shared_positions = cache.shared->positions;
      }
      return kernels::decode_attention(q, view, attention_options(layer));
    };
    h = layer_forward(spec_, layer, h, rotation, attend);
  }
  cache.positions = cache.positions + 1;
  return h;
}

torch::Tensor Decoder::logits(const torch::Tensor& rows) const {
  const auto h = normalise(spec_.norm, weights_->final_norm, rows);
  if (weights_->head != nullptr) return (*weights_->head)(h);
  const auto scores = at::linear(h, (*weights_->embedding)());
  return patched() && table ? table->head(h, scores) : scores;
}

torch::Tensor Decoder::label_losses(const Batch& batch) const {
  const auto rows = hidden(batch).index_select(0, (batch.label_rows + num_virtual_rows()).to(device_));
  const auto targets = batch.label_ids.to(device_);
  const LinearSlot* head = weights_->head;
  const bool plain = head != nullptr ? !head->active() && head->bias == nullptr : !(patched() && table);
  if (!plain) {
    auto scores = logits(rows);
    scores = scores.scalar_type() == torch::kFloat64 ? scores : scores.to(torch::kFloat32);
    return at::nll_loss(at::log_softmax(scores, /*dim=*/-1), targets, /*weight=*/{}, at::Reduction::None);
  }
  const auto h = normalise(spec_.norm, weights_->final_norm, rows);
  const auto weight = head != nullptr ? (head->weight->active() ? (*head->weight)() : head->base.weight()) : (*weights_->embedding)();
  return kernels::linear_cross_entropy(h, weight, /*bias=*/{}, targets);
}

}  // namespace peftlab::model
