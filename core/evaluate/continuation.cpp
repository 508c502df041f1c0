#include "core/evaluate/continuation.h"

#include <algorithm>

namespace peftlab::evaluate {
namespace {

/// Room made for tokens to come at a time: most answers are far shorter than they may be.
constexpr int64_t kPlacesAhead = 32;

}  // namespace

model::Context begin_context(const model::Decoder& decoder, const std::vector<int64_t>& ids, int64_t shortest) {
  torch::NoGradGuard no_grad;
  model::Context context;
  if (ids.empty() && decoder.num_virtual_positions() == 0) return context;
  if (ids.empty() && decoder.num_virtual_rows() == 0) {
    for (const auto& kv : decoder.prefix->forward()) context.layers.push_back({kv.key.to(decoder.type()), kv.value.to(decoder.type())});
    context.positions = torch::arange(decoder.num_virtual_positions());
    return context;
  }
  model::Batch batch;
  if (ids.empty()) {
    batch.ids = torch::empty({0}, torch::kInt64);
    batch.layout.positions = torch::empty({0}, torch::kInt64);
  } else {
    batch = model::make_batch({model::unlabelled(ids)}, /*share_beginning=*/false);
  }
  batch.text_length = shortest;
  decoder.hidden(batch, nullptr, &context);
  return context;
}

/// What new sequences bring: their keys and values one after the other, behind `num_before` rows of the context.
struct Continuation::Joined {
  model::Context made;
  int64_t num_before = 0;
  std::vector<int64_t> lengths;
  torch::Tensor positions;  // (n) of the tokens to come
  torch::Tensor logits;     // (n, V)
};

Continuation::Continuation(const model::Decoder& decoder, const model::Context& context, int64_t num_shared)
    : decoder_(decoder), context_(context.positions.defined() ? &context : nullptr), num_shared_(num_shared) {
  cache_.shared = context_;
  cache_.lengths = torch::empty({0}, torch::kInt64);
  cache_.positions = torch::empty({0}, torch::kInt64);
  cache_.layers.resize(static_cast<size_t>(decoder.spec().shape.num_layers));
}

Continuation::Joined Continuation::join(const std::vector<std::vector<int64_t>>& prompts) const {
  Joined joined;
  std::vector<model::Sequence> suffixes;
  for (const auto& prompt : prompts) {
    suffixes.push_back(model::unlabelled({prompt.begin() + num_shared_, prompt.end()}));
    joined.lengths.push_back(static_cast<int64_t>(suffixes.back().ids.size()));
  }
  auto batch = model::make_batch(suffixes, /*share_beginning=*/false);
  batch.layout.positions = batch.layout.positions + num_shared_;
  const auto rows = decoder_.hidden(batch, context_, &joined.made);
  std::vector<int64_t> last;
  for (const auto& segment : batch.layout.segments) last.push_back(segment.end - 1);
  const auto last_rows = torch::tensor(last);
  joined.logits = decoder_.logits(rows.index_select(0, last_rows.to(decoder_.device())));
  joined.positions = batch.layout.positions.index_select(0, last_rows) + 1 + decoder_.num_virtual_positions();
  joined.num_before = context_ != nullptr ? context_->positions.size(0) : 0;
  return joined;
}

void Continuation::place(KeyValue& own, const KeyValue& made, const std::vector<int64_t>& kept, const Joined& joined,
                         int64_t capacity) const {
  const auto& shape = decoder_.spec().shape;
  const int64_t num_kept = static_cast<int64_t>(kept.size());
  const int64_t batch = num_kept + static_cast<int64_t>(joined.lengths.size());
  const auto options = torch::TensorOptions(decoder_.device()).dtype(decoder_.type());
  // Both with the tokens as their second dimension.
  const auto fill = [&](const torch::Tensor& block, const torch::Tensor& before, const torch::Tensor& rows) {
    for (int64_t i = 0; i < num_kept; ++i) {
      const int64_t length = cache_.lengths[i].item<int64_t>();
      block[i].narrow(0, 0, length).copy_(before[kept[i]].narrow(0, 0, length));
    }
    int64_t row = joined.num_before;
    for (size_t i = 0; i < joined.lengths.size(); ++i) {
      block[num_kept + static_cast<int64_t>(i)].narrow(0, 0, joined.lengths[i]).copy_(rows.narrow(0, row, joined.lengths[i]));
      row += joined.lengths[i];
    }
  };
  const KeyValue larger{torch::empty({batch, shape.num_kv_heads, shape.head_width, capacity}, options),
                        torch::empty({batch, capacity, shape.num_kv_heads, shape.head_width}, options)};
  fill(larger.key.movedim(3, 1), num_kept > 0 ? own.key.movedim(3, 1) : own.key, made.key);
  fill(larger.value, own.value, made.value);
  own = larger;
}

void Continuation::replace(const std::vector<int64_t>& kept, const std::vector<std::vector<int64_t>>& prompts, int64_t room) {
  torch::NoGradGuard no_grad;
  Joined joined;
  if (!prompts.empty()) joined = join(prompts);
  const auto rows = torch::tensor(kept, torch::kInt64);
  cache_.lengths = cache_.lengths.index_select(0, rows);
  cache_.positions = cache_.positions.index_select(0, rows);
  int64_t longest = kept.empty() ? 0 : cache_.lengths.max().item<int64_t>();
  for (int64_t length : joined.lengths) {
    longest = std::max(longest, length);
    most_ = std::max(most_, length + room);
  }
  const int64_t capacity = kernels::places(std::min(most_, longest + kPlacesAhead));
  for (size_t layer = 0; layer < cache_.layers.size(); ++layer) {
    place(cache_.layers[layer], prompts.empty() ? KeyValue{} : joined.made.layers[layer], kept, joined, capacity);
  }
  if (!kept.empty()) logits_ = logits_.index_select(0, rows.to(decoder_.device()));
  if (prompts.empty()) return;
  cache_.lengths = torch::cat({cache_.lengths, torch::tensor(joined.lengths, torch::kInt64)});
  cache_.positions = torch::cat({cache_.positions, joined.positions});
  logits_ = kept.empty() ? joined.logits : torch::cat({logits_, joined.logits});
}

/// Makes room for one more token in every sequence.
void Continuation::grow() {
  const int64_t capacity = cache_.layers.front().value.size(1);
  if (cache_.lengths.max().item<int64_t>() < capacity) return;
  const int64_t wanted = kernels::places(std::max(capacity + 1, std::min(most_, capacity + kPlacesAhead)));
  const auto wider = [&](const torch::Tensor& block, int64_t tokens) {
    auto sizes = block.sizes().vec();
    sizes[static_cast<size_t>(tokens)] = wanted;
    auto larger = torch::empty(sizes, block.options());
    larger.narrow(tokens, 0, capacity).copy_(block);
    return larger;
  };
  for (KeyValue& kv : cache_.layers) kv = {wider(kv.key, /*tokens=*/3), wider(kv.value, /*tokens=*/1)};
}

void Continuation::push(const std::vector<int64_t>& ids) {
  torch::NoGradGuard no_grad;
  grow();
  logits_ = decoder_.logits(decoder_.next(torch::tensor(ids, torch::kInt64), cache_));
}

}  // namespace peftlab::evaluate
