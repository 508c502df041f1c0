#include "core/data/example.h"

#include <algorithm>
#include <set>

#include "core/data/records/characters.h"
#include "core/io/json.h"

namespace peftlab::data {
namespace {

constexpr size_t kShownRows = 10;

size_t common_length(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return static_cast<size_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
}

/// One assistant message inside the rendered conversation.
struct Turn {
  size_t begin = 0;        // byte where the answer begins, behind the generation prompt
  size_t content_end = 0;  // byte behind its content
  size_t end = 0;          // byte where the next message begins, or the end of the text
  bool trained = false;
  bool calls_tools = false;
  bool mismatch = false;
};

/// Templates often trim what they write.
std::string stripped_content(const io::Json& message) { return stripped(message.at("content").get_ref<const std::string&>()); }

class Builder {
 public:
  Builder(const ChatFormat& format, const ExampleOptions& options, ExampleSet& set)
      : format_(format), options_(options), set_(set), ends_(format.ends()) {}

  void add(const Conversation& conversation) {
    const std::string text = format_.render(conversation.messages, /*add_generation_prompt=*/false);
    const std::vector<Turn> turns = find_turns(conversation, text);
    Encoding encoding = format_.encode(text);
    Example example;
    example.row = conversation.row;
    example.reference = conversation.reference();
    example.prompt = format_.encode(prompt_).ids;
    example.ids = std::move(encoding.ids);
    check_beginning(example);
    example.trained.assign(example.ids.size(), 0);
    mark(example, encoding.spans, turns);
    finish(example);
    set_.examples.push_back(std::move(example));
  }

  void finish_set() {
    set_.end_of_turn.assign(seen_ends_.begin(), seen_ends_.end());
    if (cut_away_.empty()) return;
    std::string rows;
    for (size_t i = 0; i < std::min(cut_away_.size(), kShownRows); ++i) rows += (i == 0 ? "" : ", ") + std::to_string(cut_away_[i]);
    if (cut_away_.size() > kShownRows) rows += " …";
    throw ConfigError("max_length " + std::to_string(options_.max_length) + " cuts the whole answer away in " +
                      std::to_string(cut_away_.size()) + " of " + std::to_string(set_.examples.size()) +
                      " examples (records " + rows + "); the longest has " + std::to_string(longest_) +
                      " tokens: raise max_length or filter long records");
  }

 private:
  /// Where each assistant message stands. A template may write a message otherwise once others follow, so what it renders for the
  /// beginning of a conversation need not be the beginning of the whole. Leaves the last turn's prompt in prompt_.
  std::vector<Turn> find_turns(const Conversation& conversation, const std::string& text) {
    std::vector<Turn> turns;
    io::Json before = io::Json::array();
    size_t from = 0;
    for (size_t i = 0; i < conversation.messages.size(); ++i) {
      const io::Json& message = conversation.messages[i];
      if (message.at("role") == "assistant") {
        turns.push_back(find_turn(conversation, i, before, text, from));
        from = turns.back().content_end;
      } else {
        const std::string content = stripped_content(message);
        const size_t at = text.find(content, from);
        if (at != std::string::npos) from = at + content.size();
      }
      before.push_back(message);
    }
    return turns;
  }

  Turn find_turn(const Conversation& conversation, size_t index, io::Json before, const std::string& text, size_t from) {
    Turn turn;
    turn.end = text.size();
    turn.trained = conversation.trained[index];
    turn.calls_tools = conversation.messages[index].contains("tool_calls");
    prompt_ = before.empty() ? "" : format_.render(before, /*add_generation_prompt=*/true);
    turn.mismatch = !text.starts_with(prompt_) || prompt_.size() < from;
    turn.begin = turn.mismatch ? from : prompt_.size();
    const std::string content = stripped_content(conversation.messages[index]);
    const size_t at = text.find(content, turn.begin);
    if (at == std::string::npos) {
      throw ConfigError("record " + std::to_string(conversation.row) + ": the chat template does not write message " +
                        std::to_string(index + 1) + " as it stands, so it can not be trained on");
    }
    if (turn.mismatch) turn.begin = at;
    turn.content_end = at + content.size();
    if (index + 1 < conversation.messages.size()) {
      before.push_back(conversation.messages[index]);
      const std::string through = format_.render(before, /*add_generation_prompt=*/false);
      if (text.starts_with(through) && through.size() >= turn.content_end) turn.end = through.size();
    }
    return turn;
  }

  void check_beginning(const Example& example) const {
    const auto bos = format_.bos();
    if (bos && example.ids.size() > 1 && example.ids[0] == *bos && example.ids[1] == *bos) {
      throw ConfigError("record " + std::to_string(example.row) + ": the text begins with two tokens that begin a text (id " +
                        std::to_string(*bos) + "); the chat template writes one too many");
    }
  }

  /// The token that ends the turn: the first special one that begins at or behind the content's end (the last one, where tool
  /// calls follow the content); the number of tokens if there is none.
  size_t find_end(const Example& example, const std::vector<ByteSpan>& spans, const Turn& turn) const {
    size_t found = spans.size();
    for (size_t i = 0; i < spans.size() && spans[i].begin < turn.end; ++i) {
      const int64_t id = example.ids[i];
      const bool ends = std::find(ends_.begin(), ends_.end(), id) != ends_.end();
      if (spans[i].begin < turn.content_end || !(ends || format_.is_special(id))) continue;
      found = i;
      if (!turn.calls_tools) break;
    }
    return found;
  }

  void mark(Example& example, const std::vector<ByteSpan>& spans, std::vector<Turn> turns) {
    for (Turn& turn : turns) {
      const bool last = &turn == &turns.back();
      size_t first = 0;
      while (first < spans.size() && spans[first].end <= turn.begin) ++first;
      turn.mismatch = turn.mismatch || (first < spans.size() && spans[first].begin < turn.begin);
      if (last) {
        const size_t common = common_length(example.ids, example.prompt);
        turn.mismatch = turn.mismatch || common < example.prompt.size();
        first = std::min(first, std::max(common, answer_floor(spans, turns)));
        example.prompt_length = static_cast<int64_t>(first);
      }
      if (turn.mismatch) ++set_.num_seam_mismatches;
      const size_t end = find_end(example, spans, turn);
      if (turn.trained) train(example, spans, turn, first, end);
      if (last) close(example, turn, end);
    }
    if (options_.train_on == TrainOn::all) std::fill(example.trained.begin(), example.trained.end(), uint8_t{1});
    if (!example.trained.empty()) example.trained[0] = 0;
  }

  /// The last answer never begins before the end of the turn before it, whatever the prompt alone looks like.
  static size_t answer_floor(const std::vector<ByteSpan>& spans, const std::vector<Turn>& turns) {
    if (turns.size() < 2) return 0;
    const size_t end = turns[turns.size() - 2].content_end;
    size_t first = 0;
    while (first < spans.size() && spans[first].begin < end) ++first;
    return first;
  }

  void train(Example& example, const std::vector<ByteSpan>& spans, const Turn& turn, size_t first, size_t end) {
    if (end < spans.size()) {
      seen_ends_.insert(example.ids[end]);
      ++end;
    } else {
      end = first;
      while (end < spans.size() && spans[end].begin < turn.end) ++end;
    }
    std::fill(example.trained.begin() + static_cast<std::ptrdiff_t>(first), example.trained.begin() + static_cast<std::ptrdiff_t>(end),
              uint8_t{1});
  }

  /// Ends the example with the last turn's end of turn.
  void close(Example& example, const Turn& turn, size_t end) {
    if (end < example.ids.size()) {
      example.ids.resize(end + 1);
      example.trained.resize(end + 1);
    } else if (!ends_.empty()) {
      example.ids.push_back(ends_.front());
      example.trained.push_back(turn.trained ? 1 : 0);
      if (turn.trained) seen_ends_.insert(ends_.front());
      ++set_.num_ends_added;
    }
  }

  void finish(Example& example) {
    example.full_length = static_cast<int64_t>(example.ids.size());
    longest_ = std::max(longest_, example.full_length);
    if (options_.max_length > 0 && example.full_length > options_.max_length) {
      example.ids.resize(static_cast<size_t>(options_.max_length));
      example.trained.resize(static_cast<size_t>(options_.max_length));
      ++set_.num_truncated;
    }
    const bool answer_gone = example.prompt_length >= static_cast<int64_t>(example.ids.size());
    const bool nothing_left = options_.train_on == TrainOn::answer ? example.num_trained() == 0 : answer_gone;
    if (nothing_left) cut_away_.push_back(example.row);
  }

  const ChatFormat& format_;
  const ExampleOptions& options_;
  ExampleSet& set_;
  std::vector<int64_t> ends_;
  std::string prompt_;  // of the turn found last
  std::set<int64_t> seen_ends_;
  std::vector<int64_t> cut_away_;
  int64_t longest_ = 0;
};

}  // namespace

int64_t Example::num_trained() const { return std::count(trained.begin(), trained.end(), uint8_t{1}); }

ExampleSet make_examples(const std::vector<Conversation>& conversations, const ChatFormat& format, const ExampleOptions& options) {
  ExampleSet set;
  set.examples.reserve(conversations.size());
  Builder builder(format, options, set);
  for (const Conversation& conversation : conversations) builder.add(conversation);
  builder.finish_set();
  return set;
}

int64_t shared_beginning(const std::vector<const std::vector<int64_t>*>& sequences) {
  if (sequences.size() < 2) return 0;
  size_t length = sequences.front()->size();
  for (const auto* sequence : sequences) length = std::min(length, common_length(*sequences.front(), *sequence));
  for (const auto* sequence : sequences) length = std::min(length, sequence->empty() ? 0 : sequence->size() - 1);
  return static_cast<int64_t>(length);
}

int64_t shared_beginning(const std::vector<const Example*>& examples) {
  std::vector<const std::vector<int64_t>*> sequences;
  for (const Example* example : examples) sequences.push_back(&example->ids);
  int64_t length = shared_beginning(sequences);
  for (const Example* example : examples) {
    const int64_t first = std::find(example->trained.begin(), example->trained.end(), uint8_t{1}) - example->trained.begin();
    length = std::min(length, std::max<int64_t>(first - 1, 0));
  }
  return length;
}

}  // namespace peftlab::data
