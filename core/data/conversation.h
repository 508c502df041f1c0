// From a record to the messages a model is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data/task/task.h"

namespace peftlab::data {

/// Messages {"role", "content", …}, the last of them the assistant's.
struct Conversation {
  int64_t row = 0;            // of the record it was made from
  Json messages;
  std::vector<bool> trained;  // one a message; true only for assistant's messages

  /// The text of the last message: what a model should answer.
  const std::string& reference() const;
  /// All messages but the last.
  Json input() const;
};

/// `reason` says why the record makes no conversation: a field is absent, a role is unknown, the assistant does not have the
/// last word, the answer rule could not read the reference back …
struct ConversationOrReason {
  std::optional<Conversation> conversation;
  std::string reason;
};

ConversationOrReason make_conversation(const Task& task, int64_t row, const Json& fields);

}  // namespace peftlab::data
