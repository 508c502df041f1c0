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

/// Ended sequences make way for waiting prompts when they are this share of the batch: each change copies the others.
constexpr double kWorthChanging = 0.25;

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

/// Continues prompts, so many at a time; where one has ended the next takes its place.
class Pool {
 public:
  Pool(const model::Decoder& decoder, const text::Tokenizer* tokenizer, const std::vector<std::vector<int64_t>>& prompts,
       const GenerateOptions& options)
      : decoder_(decoder), prompts_(prompts), options_(options) {
    for (size_t i = 0; i < prompts.size(); ++i) writers_.emplace_back(prompts[i], tokenizer, options, i);
    waiting_.resize(prompts.size());
    std::iota(waiting_.begin(), waiting_.end(), size_t{0});
    // Taken from the end, the longest first: what was once allocated for them serves all others.
    std::stable_sort(waiting_.begin(), waiting_.end(), [&](size_t a, size_t b) { return prompts[a].size() < prompts[b].size(); });
  }

  void run(const model::Context& context, int64_t num_shared) {
    Continuation state(decoder_, context, num_shared);
    change(state);
    while (!(options_.cancelled && options_.cancelled())) {
      choose(state.logits());
      const auto num_open = static_cast<size_t>(std::count(open_.begin(), open_.end(), true));
      if (num_open == 0 && waiting_.empty()) break;
      // Those that go on move first: prompts that join have logits already, and no token yet.
      if (num_open > 0) push(state);
      if (static_cast<double>(num_open) <= (1.0 - kWorthChanging) * static_cast<double>(active_.size())) change(state);
    }
  }

  std::vector<Writer>& writers() { return writers_; }

 private:
  /// Gives every open sequence its next token.
  void choose(const torch::Tensor& logits) {
    const bool scores = writers_.front().needs_scores();
    const auto best = scores ? torch::Tensor() : logits.argmax(-1).cpu();
    for (size_t row = 0; row < active_.size(); ++row) {
      if (!open_[row]) continue;
      Writer& writer = writers_[active_[row]];
      const int64_t at = static_cast<int64_t>(row);
      open_[row] = scores ? writer.take(logits[at]) : writer.add(best[at].item<int64_t>());
      if (!open_[row] && options_.progress) options_.progress(++num_ended_);
    }
  }

  void push(Continuation& state) const {
    std::vector<int64_t> ids;
    for (size_t i : active_) ids.push_back(writers_[i].result.ids.back());
    state.push(ids);
  }

  /// Ended sequences leave, waiting prompts join.
  void change(Continuation& state) {
    std::vector<int64_t> kept;
    std::vector<size_t> active;
    for (size_t row = 0; row < active_.size(); ++row) {
      if (!open_[row]) continue;
      kept.push_back(static_cast<int64_t>(row));
      active.push_back(active_[row]);
    }
    std::vector<std::vector<int64_t>> joining;
    while (!waiting_.empty() && active.size() < static_cast<size_t>(options_.batch_size)) {
      active.push_back(waiting_.back());
      joining.push_back(prompts_[waiting_.back()]);
      waiting_.pop_back();
    }
    state.replace(kept, joining, options_.max_new_tokens);
    active_ = std::move(active);
    open_.assign(active_.size(), true);
  }

  const model::Decoder& decoder_;
  const std::vector<std::vector<int64_t>>& prompts_;
  const GenerateOptions& options_;
  std::vector<Writer> writers_;   // of all prompts
  std::vector<size_t> waiting_;   // prompts, the next one last
  std::vector<size_t> active_;    // prompt of each row
  std::vector<bool> open_;        // whether the row goes on
  int64_t num_ended_ = 0;
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
  Pool pool(decoder, tokenizer, prompts, options);
  pool.run(context, num_shared);
  for (size_t i = 0; i < prompts.size(); ++i) results[i] = pool.writers()[i].result;
  return results;
}

}  // namespace peftlab::evaluate
