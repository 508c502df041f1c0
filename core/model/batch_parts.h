// Batches taken apart where texts of some lengths are computed in another way than the rest.
#pragma once

#include <vector>

#include "core/model/batch.h"

namespace peftlab::model {

/// Texts of a batch that are all longer than a limit, or all not.
struct BatchPart {
  Batch batch;         // without labels
  torch::Tensor rows;  // (n) int64: where its rows stand in the whole batch
  bool long_texts = false;
};

/// The batch as one part, or as the short texts and the long ones. A text's length is its last position + 1 and
/// `num_before` more, `batch.text_length` + `num_before` where that is more. REQUIRES: no row is shared by short and
/// long texts.
std::vector<BatchPart> parts_by_length(const Batch& batch, int64_t num_before, int64_t longest_short);

}  // namespace peftlab::model
