// Which labels a model can predict: the last virtual token, standing before a text's first token, predicts that one.
#pragma once

#include <vector>

#include "core/model/decoder.h"

namespace peftlab::model {

/// make_batch, and behind virtual tokens the labels of the sequences' first places too, at row -1, which is the row
/// before the batch's own. A prefix has no row that could predict. For `decoder` as it is now, patches on or off.
Batch labelled_batch(const Decoder& decoder, const std::vector<Sequence>& sequences, bool share_beginning);

/// Labels of one sequence that count in that batch.
int64_t num_labels_of(const Decoder& decoder, const Sequence& sequence);

}  // namespace peftlab::model
