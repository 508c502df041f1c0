#include "core/model/labels.h"

#include <algorithm>
#include <map>

namespace peftlab::model {

Batch labelled_batch(const Decoder& decoder, const std::vector<Sequence>& sequences, bool share_beginning) {
  Batch batch = make_batch(sequences, share_beginning && decoder.may_share(sequences));
  if (decoder.num_virtual_rows() == 0) return batch;
  std::map<int64_t, int64_t> counts;
  for (const Sequence& s : sequences) ++counts[s.labels.front()];
  counts.erase(kNoLabel);
  std::vector<int64_t> ids;
  std::vector<float> how_many;
  for (const auto& [id, count] : counts) {
    ids.push_back(id);
    how_many.push_back(static_cast<float>(count));
    batch.num_labels += count;
  }
  const auto rows = torch::full({static_cast<int64_t>(ids.size())}, -1, torch::kInt64);
  batch.label_rows = torch::cat({rows, batch.label_rows});
  batch.label_ids = torch::cat({torch::tensor(ids, torch::kInt64), batch.label_ids});
  batch.label_counts = torch::cat({torch::tensor(how_many, torch::kFloat32), batch.label_counts});
  return batch;
}

int64_t num_labels_of(const Decoder& decoder, const Sequence& sequence) {
  const auto first = sequence.labels.begin() + (decoder.num_virtual_rows() > 0 ? 0 : 1);
  return std::count_if(first, sequence.labels.end(), [](int64_t label) { return label != kNoLabel; });
}

}  // namespace peftlab::model
