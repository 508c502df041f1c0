// The state of sequences that grow together over a shared beginning.
#pragma once

#include <vector>

#include "core/model/decoder.h"

namespace peftlab::evaluate {

/// Keys and values of `ids` (may be empty) with the virtual tokens and the prefix before them.
model::Context begin_context(const model::Decoder& decoder, const std::vector<int64_t>& ids);

class Continuation {
 public:
  /// Computes what each prompt has beyond the shared beginning. `context` may hold nothing; it outlives this.
  /// `num_shared`: tokens of each prompt that the context stands for. `room`: tokens to come at most.
  Continuation(const model::Decoder& decoder, const model::Context& context, int64_t num_shared,
               const std::vector<std::vector<int64_t>>& prompts, int64_t room);

  /// Logits of the next token: (B, V).
  const torch::Tensor& logits() const { return logits_; }
  /// Appends one token to each sequence: ids (B).
  void push(const std::vector<int64_t>& ids);
  /// Goes on with these sequences alone, in this order.
  void keep(const std::vector<int64_t>& which);

 private:
  void place_rows(const std::vector<model::Sequence>& suffixes, const model::Context& made, int64_t num_before, int64_t room);

  const model::Decoder& decoder_;
  model::GrowingCache cache_;
  torch::Tensor logits_;
};

}  // namespace peftlab::evaluate
