// Batches without padding: the tokens of all examples lie flat, and what they share is there once.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "core/kernels/segments.h"

namespace peftlab::model {

/// One example as the model sees it.
struct Sequence {
  std::vector<int64_t> ids;
  /// As long as `ids`: the token that the model should predict at this place from the tokens before it (ids[i], as a rule), or
  /// kNoLabel where the loss does not look. The first place is predicted only behind virtual tokens: labelled_batch.
  std::vector<int64_t> labels;
};

inline constexpr int64_t kNoLabel = -100;

/// The ids without any label.
Sequence unlabelled(std::vector<int64_t> ids);

/// N rows to compute. A label is a pair (row, token it predicts): the last row of a shared beginning predicts a different token
/// for each example that goes on from it.
struct Batch {
  torch::Tensor ids;  // (N) int64
  kernels::Layout layout;
  torch::Tensor label_rows;    // (M) int64
  torch::Tensor label_ids;     // (M) int64
  torch::Tensor label_counts;  // (M) float32: how many examples share the label
  int64_t num_labels = 0;      // sum of the counts
  int64_t num_useful = 0;      // tokens of each example as it would stand alone
  int64_t text_length = 0;     // tokens of the texts that go on from here, where those are longer than what is here
  int64_t num_rows() const { return ids.size(0); }
};

/// One segment an example; with `share_beginning` the longest beginning that all of them share (short of their last token)
/// becomes a root computed once. REQUIRES: at least one sequence, none empty.
Batch make_batch(const std::vector<Sequence>& sequences, bool share_beginning);

/// Adds rows that nothing depends on, a text of its own, until `before` rows and the batch's make a multiple of
/// `multiple`.
void fill_rows(Batch& batch, int64_t before, int64_t multiple);

/// The number of tokens that all sequences begin with, at most the shortest length minus one; 0 for fewer than two.
int64_t shared_beginning(const std::vector<Sequence>& sequences);

}  // namespace peftlab::model
