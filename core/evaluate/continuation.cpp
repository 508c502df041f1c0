#include "core/evaluate/continuation.h"

#include <algorithm>

namespace peftlab::evaluate {

model::Context begin_context(const model::Decoder& decoder, const std::vector<int64_t>& ids) {
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
  decoder.hidden(batch, nullptr, &context);
  return context;
}

Continuation::Continuation(const model::Decoder& decoder, const model::Context& context, int64_t num_shared,
                           const std::vector<std::vector<int64_t>>& prompts, int64_t room)
    : decoder_(decoder) {
  torch::NoGradGuard no_grad;
  std::vector<model::Sequence> suffixes;
  for (const auto& prompt : prompts) suffixes.push_back(model::unlabelled({prompt.begin() + num_shared, prompt.end()}));
  auto batch = model::make_batch(suffixes, /*share_beginning=*/false);
  batch.layout.positions = batch.layout.positions + num_shared;
  const bool has_context = context.positions.defined();
  model::Context made;
  const auto rows = decoder.hidden(batch, has_context ? &context : nullptr, &made);
  std::vector<int64_t> last;
  for (const auto& segment : batch.layout.segments) last.push_back(segment.end - 1);
  logits_ = decoder.logits(rows.index_select(0, torch::tensor(last).to(decoder.device())));
  cache_.shared = has_context ? &context : nullptr;
  place_rows(suffixes, made, has_context ? context.positions.size(0) : 0, room);
  cache_.positions = batch.layout.positions.index_select(0, torch::tensor(last)) + 1 + decoder.num_virtual_positions();
}

void Continuation::place_rows(const std::vector<model::Sequence>& suffixes, const model::Context& made, int64_t num_before, int64_t room) {
  std::vector<int64_t> lengths;
  for (const auto& suffix : suffixes) lengths.push_back(static_cast<int64_t>(suffix.ids.size()));
  const int64_t capacity = *std::max_element(lengths.begin(), lengths.end()) + room;
  cache_.lengths = torch::tensor(lengths);
  for (const KeyValue& kv : made.layers) {
    const std::vector<int64_t> shape = {static_cast<int64_t>(lengths.size()), capacity, kv.key.size(1), kv.key.size(2)};
    KeyValue own{torch::empty(shape, kv.key.options()), torch::empty(shape, kv.value.options())};
    int64_t row = num_before;
    for (size_t i = 0; i < lengths.size(); ++i) {
      own.key[static_cast<int64_t>(i)].narrow(0, 0, lengths[i]).copy_(kv.key.narrow(0, row, lengths[i]));
      own.value[static_cast<int64_t>(i)].narrow(0, 0, lengths[i]).copy_(kv.value.narrow(0, row, lengths[i]));
      row += lengths[i];
    }
    cache_.layers.push_back(own);
  }
}

void Continuation::push(const std::vector<int64_t>& ids) {
  torch::NoGradGuard no_grad;
  logits_ = decoder_.logits(decoder_.next(torch::tensor(ids, torch::kInt64), cache_));
}

void Continuation::keep(const std::vector<int64_t>& which) {
  torch::NoGradGuard no_grad;
  const auto rows = torch::tensor(which, torch::kInt64);
  const auto on_device = rows.to(decoder_.device());
  for (KeyValue& kv : cache_.layers) kv = {kv.key.index_select(0, on_device), kv.value.index_select(0, on_device)};
  cache_.lengths = cache_.lengths.index_select(0, rows);
  cache_.positions = cache_.positions.index_select(0, rows);
  logits_ = logits_.index_select(0, on_device);
}

}  // namespace peftlab::evaluate
