#include "core/model/decoder.h"

#include <algorithm>
#include <limits>

#include "core/kernels/cross_entropy.h"
#include "core/model/batch_parts.h"
#include "core/model/layer.h"
#include "core/model/recompute.h"

namespace peftlab::model {
namespace {

/// As transformers keeps it: in float32 first, then in the model's type.
double rounded(double scale, torch::ScalarType type) {
  return torch::tensor(scale, torch::kFloat32).to(type).to(torch::kFloat64).item<double>();
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
      rotary_(spec_.rotary, type, device), embedding_scale_(rounded(spec_.embedding_scale, type)) {}

Decoder::~Decoder() = default;

int64_t Decoder::num_virtual_rows() const { return patched() && virtual_tokens ? virtual_tokens->num_virtual_tokens() : 0; }

int64_t Decoder::num_virtual_positions() const {
  return num_virtual_rows() + (patched() && prefix ? prefix->num_virtual_tokens() : 0);
}

torch::Tensor Decoder::embed(const torch::Tensor& ids) const {
  const auto on_device = ids.to(device_);
  const auto rows = weights_->embedding->active() ? at::embedding((*weights_->embedding)(), on_device)
                                                  : weights_->embedding->base.value().index_select(0, on_device);
  return scaled_rows(patched() && table ? table->rows(on_device, rows) : rows);
}

torch::Tensor Decoder::scaled_rows(const torch::Tensor& rows) const {
  return spec_.embedding_scale == 1.0 ? rows : rows * embedding_scale_;
}

int64_t Decoder::longest_text() const {
  return weights_->positions == nullptr ? std::numeric_limits<int64_t>::max() : spec_.max_positions - num_virtual_positions();
}

void Decoder::check_length(int64_t num_tokens) const {
  if (num_tokens <= longest_text()) return;
  const int64_t before = num_virtual_positions();
  throw ConfigError("a text of " + std::to_string(num_tokens) + " tokens" +
                    (before > 0 ? " behind " + std::to_string(before) + " virtual ones" : "") + " does not fit into the " +
                    std::to_string(spec_.max_positions) + " positions that " + spec_.shape.architecture +
                    " has learned; shorten it, or generate fewer tokens");
}

/// positions (n) on the CPU.
torch::Tensor Decoder::with_positions(const torch::Tensor& h, const torch::Tensor& positions) const {
  const ParameterSlot* learned = weights_->positions;
  if (learned == nullptr) return h;
  const auto at = positions.to(device_);
  return h + (learned->active() ? at::embedding((*learned)(), at) : learned->base.value().index_select(0, at));
}

bool Decoder::may_share(const std::vector<Sequence>& sequences) const {
  if (longest_short() == 0) return true;
  const auto is_long = [&](const Sequence& s) {
    return static_cast<int64_t>(s.ids.size()) + num_virtual_positions() > longest_short();
  };
  const auto num_long = std::count_if(sequences.begin(), sequences.end(), is_long);
  return num_long == 0 || num_long == static_cast<std::ptrdiff_t>(sequences.size());
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
  if (batch.num_rows() > 0) check_length(batch.layout.positions.max().item<int64_t>() + 1);
  if (longest_short() == 0) return hidden_alike(batch, /*long_texts=*/false, context, made);
  const auto parts = parts_by_length(batch, num_virtual_positions(), longest_short());
  if (parts.size() == 1) return hidden_alike(batch, parts.front().long_texts, context, made);
  TORCH_CHECK(made == nullptr, "keys and values of short and of long texts are not made together");
  const int64_t num_before = context == nullptr ? num_virtual_rows() : 0;
  std::vector<torch::Tensor> all, places;
  for (const auto& part : parts) {
    const auto h = hidden_alike(part.batch, part.long_texts, context, /*made=*/nullptr);
    if (all.empty()) all.push_back(h.narrow(0, 0, num_before));
    all.push_back(h.narrow(0, num_before, part.batch.num_rows()));
    places.push_back(part.rows);
  }
  const auto order = torch::cat({torch::arange(num_before), torch::cat(places).argsort() + num_before});
  return torch::cat(all).index_select(0, order.to(device_));
}

/// Of a batch whose texts are all long or all short.
torch::Tensor Decoder::hidden_alike(const Batch& batch, bool long_texts, const Context* context, Context* made) const {
  Rows rows{batch.layout, {}, {}};
  rows.layout.positions = batch.layout.positions + num_virtual_positions();
  torch::Tensor h = embed(batch.ids);
  if (context == nullptr) {
    put_virtual_before(rows, h);
  } else {
    rows.seen = context->layers;
    rows.layout.context_positions = context->positions;
  }
  h = with_positions(h, rows.layout.positions);
  rows.rotation = rotary_.of_texts(rows.layout.positions, long_texts);
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
  return {spec_.attention_scales[layer.index], spec_.windows[layer.index], spec_.attention_softcap};
}

torch::Tensor Decoder::next(const torch::Tensor& ids, GrowingCache& cache) const {
  torch::NoGradGuard no_grad;
  check_length(cache.positions.max().item<int64_t>() + 1 - num_virtual_positions());
  TORCH_CHECK(longest_short() == 0 || (cache.positions == longest_short()).count_nonzero().item<int64_t>() == 0,
              "a text that grows beyond ", longest_short(), " tokens is computed anew from its beginning");
  torch::Tensor h = with_positions(embed(ids), cache.positions);
  const Rotation rotation = rotary_.of_last_tokens(cache.positions);
  const auto slot = cache.lengths.to(device_);
  cache.lengths = cache.lengths + 1;
  using torch::indexing::Slice;
  const auto sequences = torch::arange(ids.size(0), torch::TensorOptions(device_).dtype(torch::kInt64));
  for (const Layer& layer : weights_->layers) {
    KeyValue& own = cache.layers[layer.index];
    const Attend attend = [&](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
      own.key.index_put_({sequences, Slice(), Slice(), slot}, k);
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

torch::Tensor Decoder::capped(const torch::Tensor& logits) const {
  const double cap = spec_.logit_softcap;
  return cap > 0.0 ? (logits / cap).tanh() * cap : logits;
}

torch::Tensor Decoder::logits(const torch::Tensor& rows) const {
  const auto h = normalise(spec_.norm, weights_->final_norm, rows);
  if (weights_->head != nullptr) return capped((*weights_->head)(h));
  const auto scores = at::linear(h, (*weights_->embedding)());
  return capped(patched() && table ? table->head(h, scores) : scores);
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
  return kernels::linear_cross_entropy(h, weight, /*bias=*/{}, targets, spec_.logit_softcap);
}

}  // namespace peftlab::model
