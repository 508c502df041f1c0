// The state of sequences that grow together over a shared beginning.
#pragma once

#include <vector>

#include "core/model/decoder.h"

namespace peftlab::evaluate {

/// Keys and values of `ids` (may be empty) with the virtual tokens and the prefix before them, for texts that begin so.
/// `shortest`: tokens of the shortest of these texts.
model::Context begin_context(const model::Decoder& decoder, const std::vector<int64_t>& ids, int64_t shortest);

/// Sequences join and leave; their keys and values lie in one block with a row of places for each sequence.
class Continuation {
 public:
  /// `context` may hold nothing; it outlives this. `num_shared`: tokens of each prompt that the context stands for.
  Continuation(const model::Decoder& decoder, const model::Context& context, int64_t num_shared);

  /// Goes on with the sequences `kept` alone, in this order, and after them those of `prompts`, whose tokens beyond the
  /// shared beginning are computed at once. `room`: tokens to come at most, for each.
  void replace(const std::vector<int64_t>& kept, const std::vector<std::vector<int64_t>>& prompts, int64_t room);

  /// Logits of the next token: (B, V).
  const torch::Tensor& logits() const { return logits_; }
  /// Appends one token to each sequence: ids (B).
  void push(const std::vector<int64_t>& ids);

 private:
  struct Joined;
  Joined join(const std::vector<std::vector<int64_t>>& prompts) const;
  void place(KeyValue& own, const KeyValue& made, const std::vector<int64_t>& kept, const Joined& joined, int64_t capacity) const;
  void grow();

  const model::Decoder& decoder_;
  const model::Context* context_;  // nullptr: nothing is shared
  int64_t num_shared_;
  int64_t most_ = 0;  // places that any sequence can ever need
  model::GrowingCache cache_;
  torch::Tensor logits_;
};

}  // namespace peftlab::evaluate
