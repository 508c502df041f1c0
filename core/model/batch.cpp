#include "core/model/batch.h"

#include <algorithm>
#include <map>

namespace peftlab::model {
namespace {

/// Collects rows and labels; the tensors are made at the end.
struct Builder {
  std::vector<int64_t> ids, positions, label_rows, label_ids;
  std::vector<float> label_counts;
  std::vector<kernels::Segment> segments;

  void add_segment(const Sequence& sequence, int64_t from, int64_t to, int64_t parent) {
    const int64_t begin = static_cast<int64_t>(ids.size());
    ids.insert(ids.end(), sequence.ids.begin() + from, sequence.ids.begin() + to);
    for (int64_t i = from; i < to; ++i) positions.push_back(i);
    segments.push_back({begin, begin + to - from, parent});
  }

  void add_label(int64_t row, int64_t id, int64_t count) {
    label_rows.push_back(row);
    label_ids.push_back(id);
    label_counts.push_back(static_cast<float>(count));
  }
};

torch::Tensor tensor(const std::vector<int64_t>& values) { return torch::tensor(values, torch::kInt64); }

Batch finish(const Builder& b, const std::vector<Sequence>& sequences) {
  Batch batch;
  batch.ids = tensor(b.ids);
  batch.layout.segments = b.segments;
  batch.layout.positions = tensor(b.positions);
  batch.label_rows = tensor(b.label_rows);
  batch.label_ids = tensor(b.label_ids);
  batch.label_counts = torch::tensor(b.label_counts, torch::kFloat32);
  for (float count : b.label_counts) batch.num_labels += static_cast<int64_t>(count);
  for (const Sequence& s : sequences) batch.num_useful += static_cast<int64_t>(s.ids.size());
  return batch;
}

/// The shared beginning as segment 0, each of its labels once with the number of sequences that have it.
void add_root(Builder& b, const std::vector<Sequence>& sequences, int64_t shared) {
  b.add_segment(sequences.front(), 0, shared, -1);
  for (int64_t i = 1; i < shared; ++i) {
    std::map<int64_t, int64_t> counts;
    for (const Sequence& s : sequences) ++counts[s.labels[i]];
    counts.erase(kNoLabel);
    for (const auto& [id, count] : counts) b.add_label(i - 1, id, count);
  }
}

}  // namespace

Sequence unlabelled(std::vector<int64_t> ids) {
  std::vector<int64_t> labels(ids.size(), kNoLabel);
  return {std::move(ids), std::move(labels)};
}

int64_t shared_beginning(const std::vector<Sequence>& sequences) {
  if (sequences.size() < 2) return 0;
  const auto& first = sequences.front().ids;
  int64_t shared = static_cast<int64_t>(first.size());
  for (const Sequence& s : sequences) {
    const auto at = std::mismatch(first.begin(), first.begin() + shared, s.ids.begin(), s.ids.end()).first;
    shared = std::min<int64_t>(at - first.begin(), static_cast<int64_t>(s.ids.size()) - 1);
  }
  return shared;
}

Batch make_batch(const std::vector<Sequence>& sequences, bool share_beginning) {
  TORCH_CHECK(!sequences.empty(), "a batch needs at least one sequence");
  for (const Sequence& s : sequences) {
    TORCH_CHECK(!s.ids.empty() && s.labels.size() == s.ids.size(), "a sequence of ", s.ids.size(), " tokens and ",
                s.labels.size(), " labels");
  }
  Builder b;
  const int64_t shared = share_beginning ? shared_beginning(sequences) : 0;
  if (shared > 0) add_root(b, sequences, shared);
  for (const Sequence& s : sequences) {
    const int64_t begin = static_cast<int64_t>(b.ids.size());
    const int64_t length = static_cast<int64_t>(s.ids.size());
    b.add_segment(s, shared, length, shared > 0 ? 0 : -1);
    for (int64_t i = std::max<int64_t>(shared, 1); i < length; ++i) {
      const int64_t row = i == shared ? shared - 1 : begin + i - shared - 1;
      if (s.labels[i] != kNoLabel) b.add_label(row, s.labels[i], /*count=*/1);
    }
  }
  return finish(b, sequences);
}

void fill_rows(Batch& batch, int64_t before, int64_t multiple) {
  const int64_t begin = batch.num_rows(), over = (before + begin) % multiple;
  if (over == 0) return;
  const int64_t missing = multiple - over;
  batch.layout.segments.push_back({begin, begin + missing, -1});
  batch.layout.positions = torch::cat({batch.layout.positions, torch::arange(missing, torch::kInt64)});
  batch.ids = torch::cat({batch.ids, batch.ids.narrow(0, 0, 1).expand({missing})});
}

}  // namespace peftlab::model
