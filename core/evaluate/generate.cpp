#include "core/evaluate/generate.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/data/example.h"
#include "core/data/shuffle.h"
#include "core/evaluate/continuation.h"
#include "core/io/streams.h"

namespace peftlab::evaluate {
namespace {

/// Sequences leave a batch when so many have ended that copying the others pays.
constexpr double kWorthKeeping = 0.75;

/// One sequence that grows.
class Writer {
 public:
  Writer(const std::vector<int64_t>& prompt, const text::Tokenizer* tokenizer, const GenerateOptions& options, uint64_t index)
      : options_(options), previous_(prompt), random_(io::stream_seed(options.seed, io::kSamplingStream, "prompt", index)) {
    if (tokenizer != nullptr) decoder_.emplace(*tokenizer, /*skip_special=*/true);
  }

  /// Chooses the next token; false once the sequence has ended.
  bool take(const torch::Tensor& logits) {
    const double random = options_.sampling.greedy ? 0.0 : static_cast<double>(random_() >> 11) * 0x1.0p-53;
    return add(choose_token(logits, previous_, options_.sampling, random));
  }

  bool add(int64_t id) {
    previous_.push_back(id);
    result.ids.push_back(id);
    const auto& ends = options_.end_ids;
    result.ended = std::find(ends.begin(), ends.end(), id) != ends.end();
    if (!result.ended) show(id);
    const bool full = static_cast<int64_t>(result.ids.size()) >= options_.max_new_tokens;
    const bool more = !result.ended && !full;
    if (!more && decoder_) put(decoder_->finish());
    return more;
  }

  bool needs_scores() const { return !options_.sampling.greedy || options_.sampling.repetition_penalty != 1.0; }

  Generated result;

 private:
  void show(int64_t id) {
    if (!decoder_) return;
    put(decoder_->push(id));
    for (const auto& stop : options_.stop) result.ended = result.ended || result.text.find(stop) != std::string::npos;
  }
  void put(const std::string& piece) {
    result.text += piece;
    if (options_.stream && !piece.empty()) options_.stream(piece);
  }

  const GenerateOptions& options_;
  std::vector<int64_t> previous_;
  data::SplitMix64 random_;
  std::optional<text::StreamDecoder> decoder_;
};

/// Continues the prompts `which` until all have ended.
class Group {
 public:
  Group(const model::Decoder& decoder, const text::Tokenizer* tokenizer, const std::vector<std::vector<int64_t>>& prompts,
        const std::vector<size_t>& which, const GenerateOptions& options)
      : decoder_(decoder), options_(options) {
    for (size_t i : which) {
      prompts_.push_back(prompts[i]);
      writers_.emplace_back(prompts[i], tokenizer, options, i);
    }
  }

  void run(const model::Context& context, int64_t num_shared) {
    Continuation state(decoder_, context, num_shared, prompts_, options_.max_new_tokens);
    std::vector<size_t> active(writers_.size());
    std::iota(active.begin(), active.end(), size_t{0});
    std::vector<bool> open(writers_.size(), true);
    while (true) {
      const size_t num_open = choose(state.logits(), active, open);
      if (num_open == 0 || (options_.cancelled && options_.cancelled())) return;
      if (static_cast<double>(num_open) < kWorthKeeping * static_cast<double>(active.size())) drop_ended(state, active, open);
      std::vector<int64_t> ids;
      for (size_t i : active) ids.push_back(writers_[i].result.ids.back());
      state.push(ids);
    }
  }

  std::vector<Writer>& writers() { return writers_; }

 private:
  /// Gives every open sequence its next token; returns how many are still open.
  size_t choose(const torch::Tensor& logits, const std::vector<size_t>& active, std::vector<bool>& open) {
    const bool scores = writers_.front().needs_scores();
    const auto best = scores ? torch::Tensor() : logits.argmax(-1).cpu();
    size_t num_open = 0;
    for (size_t row = 0; row < active.size(); ++row) {
      Writer& writer = writers_[active[row]];
      if (!open[active[row]]) continue;
      const int64_t at = static_cast<int64_t>(row);
      open[active[row]] = scores ? writer.take(logits[at]) : writer.add(best[at].item<int64_t>());
      num_open += open[active[row]] ? 1 : 0;
    }
    return num_open;
  }

  static void drop_ended(Continuation& state, std::vector<size_t>& active, const std::vector<bool>& open) {
    std::vector<int64_t> rows;
    std::vector<size_t> left;
    for (size_t row = 0; row < active.size(); ++row) {
      if (!open[active[row]]) continue;
      rows.push_back(static_cast<int64_t>(row));
      left.push_back(active[row]);
    }
    state.keep(rows);
    active = left;
  }

  const model::Decoder& decoder_;
  const GenerateOptions& options_;
  std::vector<std::vector<int64_t>> prompts_;
  std::vector<Writer> writers_;
};

/// Tokens all prompts begin with, short of the last of the shortest.
int64_t num_shared_tokens(const std::vector<std::vector<int64_t>>& prompts) {
  if (prompts.size() == 1) return static_cast<int64_t>(prompts[0].size()) - 1;
  std::vector<const std::vector<int64_t>*> all;
  for (const auto& prompt : prompts) all.push_back(&prompt);
  return data::shared_beginning(all);
}

}  // namespace

std::vector<Generated> generate(const model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                const std::vector<std::vector<int64_t>>& prompts, const GenerateOptions& options) {
  torch::NoGradGuard no_grad;
  std::vector<Generated> results(prompts.size());
  if (prompts.empty() || options.max_new_tokens < 1) return results;
  const int64_t num_shared = num_shared_tokens(prompts);
  const auto context = begin_context(decoder, {prompts[0].begin(), prompts[0].begin() + num_shared});
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return prompts[a].size() > prompts[b].size(); });
  const size_t size = static_cast<size_t>(options.batch_size);
  for (size_t at = 0; at < order.size() && !(options.cancelled && options.cancelled()); at += size) {
    const size_t end = std::min(at + size, order.size());
    const std::vector<size_t> which(order.begin() + at, order.begin() + end);
    Group group(decoder, tokenizer, prompts, which, options);
    group.run(context, num_shared);
    for (size_t i = 0; i < which.size(); ++i) results[which[i]] = group.writers()[i].result;
    if (options.progress) options.progress(static_cast<int64_t>(end));
  }
  return results;
}

}  // namespace peftlab::evaluate
