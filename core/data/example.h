// Examples: conversations as token ids, with the tokens that are trained on marked by position.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/data/chat_format.h"
#include "core/data/conversation.h"

namespace peftlab::data {

enum class TrainOn { answer, all };

struct ExampleOptions {
  int64_t max_length = 0;  // tokens; what is behind is cut off; 0: no limit
  TrainOn train_on = TrainOn::answer;
};

struct Example {
  std::vector<int64_t> ids;       // T, cut to max_length
  std::vector<uint8_t> trained;   // T; 1: this token is a target, predicted from those before it; the first never is
  std::vector<int64_t> prompt;    // what a model is given to generate the last answer, never cut
  int64_t prompt_length = 0;      // tokens of `ids` before the last answer
  int64_t full_length = 0;        // tokens before cutting
  int64_t row = 0;                // of the record in its source
  std::string reference;          // the last answer, as text

  int64_t num_trained() const;
  bool truncated() const { return full_length > static_cast<int64_t>(ids.size()); }
};

struct ExampleSet {
  std::vector<Example> examples;     // in the order of the conversations
  std::vector<int64_t> end_of_turn;  // distinct ids that end a trained turn, ascending; generation should end at them
  int64_t num_truncated = 0;
  int64_t num_seam_mismatches = 0;   // where the answer's first token reaches into the prompt or changes how it is cut
  int64_t num_ends_added = 0;        // where the template writes no end of turn, and the tokenizer's own was put there
};

/// The template is rendered and encoded without further special tokens. Every assistant message that is to be trained on is
/// trained from its first token to its end of turn, that included; what the template writes behind the last end of turn is left
/// out. Throws ConfigError, naming records: a template that refuses a conversation or rewrites earlier turns beyond
/// recognition, two tokens that begin a text at its beginning, an answer cut away entirely by max_length.
ExampleSet make_examples(const std::vector<Conversation>& conversations, const ChatFormat& format,
                         const ExampleOptions& options = {});

/// The number of tokens that all examples begin with, so that a batch can compute them once: neither one of them nor the token
/// behind them is trained on, and every example keeps at least one token of its own. 0 for fewer than two examples.
int64_t shared_beginning(const std::vector<const Example*>& examples);

/// The same of sequences nothing is trained in, such as prompts.
int64_t shared_beginning(const std::vector<const std::vector<int64_t>*>& sequences);

}  // namespace peftlab::data
