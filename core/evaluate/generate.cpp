#include "core/evaluate/generate.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "core/data/example.h"
#include "core/data/shuffle.h"
#include "core/evaluate/continuation.h"
#include "core/io/streams.h"
#include "core/kernels/argmax.h"

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

  /// The prompt and what has been added to it.
  const std::vector<int64_t>& ids() const { return previous_; }

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

/// Continues texts, so many at a time; where one has ended the next takes its place. A text that grows beyond `longest` tokens
/// leaves, since it has to be computed anew from its beginning.
class Pool {
 public:
  /// `waiting`: the writers to continue. `longest`: 0 for no limit.
  Pool(const model::Decoder& decoder, std::vector<Writer>& writers, std::vector<size_t> waiting, int64_t longest,
       const GenerateOptions& options, int64_t& num_ended)
      : decoder_(decoder), options_(options), longest_(longest > 0 ? longest : std::numeric_limits<int64_t>::max()),
        writers_(writers), waiting_(std::move(waiting)), num_ended_(num_ended) {
    // Taken from the end, the longest first: what was once allocated for them serves all others.
    std::stable_sort(waiting_.begin(), waiting_.end(),
                     [&](size_t a, size_t b) { return writers[a].ids().size() < writers[b].ids().size(); });
  }

  void run(const model::Context& context, int64_t num_shared) {
    Continuation state(decoder_, context, num_shared);
    change(state);
    while (!(options_.cancelled && options_.cancelled())) {
      choose(state.logits());
      const auto num_open = static_cast<size_t>(std::count(open_.begin(), open_.end(), true));
      if (num_open == 0 && waiting_.empty()) break;
      // Those that go on move first: prompts that join have logits already, and no token yet.
      if (num_open > 0) {
        if (has_no_place()) change(state, /*joining=*/false);
        push(state);
      }
      if (static_cast<double>(num_open) <= (1.0 - kWorthChanging) * static_cast<double>(active_.size())) change(state);
    }
  }

  /// The writers of texts that left because they grew too long.
  const std::vector<size_t>& grown() const { return grown_; }

 private:
  /// Gives every open sequence its next token.
  void choose(const torch::Tensor& logits) {
    const bool scores = writers_.front().needs_scores();
    const auto best = scores ? torch::Tensor() : kernels::argmax_rows(logits);
    for (size_t row = 0; row < active_.size(); ++row) {
      if (!open_[row]) continue;
      Writer& writer = writers_[active_[row]];
      const int64_t at = static_cast<int64_t>(row);
      open_[row] = scores ? writer.take(logits[at]) : writer.add(best.const_data_ptr<int64_t>()[row]);
      if (!open_[row]) {
        ++num_ended_;
        if (options_.progress) options_.progress(num_ended_);
      } else if (static_cast<int64_t>(writer.ids().size()) > longest_) {
        open_[row] = false;
        grown_.push_back(active_[row]);
      }
    }
  }

  /// Whether a row that has ended, and is computed with the others until it leaves, would grow too long.
  bool has_no_place() const {
    const int64_t most = std::min(longest_, decoder_.longest_text());
    for (size_t row = 0; row < active_.size(); ++row) {
      if (!open_[row] && lengths_[row] >= most) return true;
    }
    return false;
  }

  void push(Continuation& state) {
    std::vector<int64_t> ids;
    for (size_t i : active_) ids.push_back(writers_[i].result.ids.back());
    state.push(ids);
    for (int64_t& length : lengths_) ++length;
  }

  /// Ended sequences leave, with `joining` waiting ones join.
  void change(Continuation& state, bool joining = true) {
    std::vector<int64_t> kept, lengths;
    std::vector<size_t> active;
    for (size_t row = 0; row < active_.size(); ++row) {
      if (!open_[row]) continue;
      kept.push_back(static_cast<int64_t>(row));
      lengths.push_back(lengths_[row]);
      active.push_back(active_[row]);
    }
    std::vector<std::vector<int64_t>> texts;
    while (joining && !waiting_.empty() && active.size() < static_cast<size_t>(options_.batch_size)) {
      active.push_back(waiting_.back());
      texts.push_back(writers_[waiting_.back()].ids());
      lengths.push_back(static_cast<int64_t>(texts.back().size()));
      waiting_.pop_back();
    }
    state.replace(kept, texts, options_.max_new_tokens);
    active_ = std::move(active);
    lengths_ = std::move(lengths);
    open_.assign(active_.size(), true);
  }

  const model::Decoder& decoder_;
  const GenerateOptions& options_;
  int64_t longest_;
  std::vector<Writer>& writers_;
  std::vector<size_t> waiting_;   // writers, the next one last
  std::vector<size_t> active_;    // writer of each row
  std::vector<int64_t> lengths_;  // tokens of each row
  std::vector<bool> open_;        // whether the row goes on
  std::vector<size_t> grown_;
  int64_t& num_ended_;
};

/// Tokens all texts begin with, short of the last of the shortest.
int64_t num_shared_tokens(const std::vector<const std::vector<int64_t>*>& texts) {
  if (texts.size() == 1) return static_cast<int64_t>(texts[0]->size()) - 1;
  return data::shared_beginning(texts);
}

/// Continues the writers `which`, whose beginning is computed once; returns those that grew longer than `longest`.
std::vector<size_t> continue_together(const model::Decoder& decoder, std::vector<Writer>& writers, const std::vector<size_t>& which,
                                      int64_t longest, const GenerateOptions& options, int64_t& num_ended) {
  if (which.empty()) return {};
  std::vector<const std::vector<int64_t>*> texts;
  size_t shortest = writers[which.front()].ids().size();
  for (size_t i : which) {
    texts.push_back(&writers[i].ids());
    shortest = std::min(shortest, texts.back()->size());
  }
  const int64_t num_shared = num_shared_tokens(texts);
  const auto context = begin_context(decoder, {texts[0]->begin(), texts[0]->begin() + num_shared}, static_cast<int64_t>(shortest));
  Pool pool(decoder, writers, which, longest, options, num_ended);
  pool.run(context, num_shared);
  return pool.grown();
}

}  // namespace

std::vector<Generated> generate(const model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                const std::vector<std::vector<int64_t>>& prompts, const GenerateOptions& options) {
  torch::NoGradGuard no_grad;
  std::vector<Generated> results(prompts.size());
  if (prompts.empty() || options.max_new_tokens < 1) return results;
  std::vector<Writer> writers;
  std::vector<size_t> short_texts, long_texts;
  const bool switches = decoder.longest_short() > 0;
  const int64_t longest = switches ? decoder.longest_short() - decoder.num_virtual_positions() : 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    decoder.check_length(static_cast<int64_t>(prompts[i].size()) + options.max_new_tokens - 1);
    writers.emplace_back(prompts[i], tokenizer, options, i);
    const bool is_long = switches && static_cast<int64_t>(prompts[i].size()) > longest;
    (is_long ? long_texts : short_texts).push_back(i);
  }
  int64_t num_ended = 0;
  const auto grown = continue_together(decoder, writers, short_texts, longest, options, num_ended);
  long_texts.insert(long_texts.end(), grown.begin(), grown.end());
  continue_together(decoder, writers, long_texts, /*longest=*/0, options, num_ended);
  for (size_t i = 0; i < prompts.size(); ++i) results[i] = writers[i].result;
  return results;
}

}  // namespace peftlab::evaluate
