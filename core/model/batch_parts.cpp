#include "core/model/batch_parts.h"

#include <algorithm>

namespace peftlab::model {
namespace {

enum class Length : char { unknown, is_short, is_long };

/// For each segment the length of its text; a segment that others go on from has theirs.
std::vector<Length> lengths_of(const Batch& batch, int64_t num_before, int64_t longest_short) {
  const auto& segments = batch.layout.segments;
  const auto positions = batch.layout.positions.contiguous();
  std::vector<int64_t> ends(segments.size(), 0);
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto& s = segments[i];
    if (s.size() > 0) {
      ends[i] = positions.const_data_ptr<int64_t>()[s.end - 1] + 1;
    } else if (s.parent >= 0) {
      ends[i] = ends[s.parent];
    }
  }
  std::vector<Length> lengths(segments.size(), Length::unknown);
  for (size_t i = segments.size(); i-- > 0;) {
    if (lengths[i] == Length::unknown) {
      const bool is_long = std::max(ends[i], batch.text_length) + num_before > longest_short;
      lengths[i] = is_long ? Length::is_long : Length::is_short;
    }
    if (segments[i].parent < 0) continue;
    Length& above = lengths[segments[i].parent];
    TORCH_CHECK(above == Length::unknown || above == lengths[i], "texts of at most ", longest_short,
                " tokens and longer ones share a beginning, but are rotated differently");
    above = lengths[i];
  }
  return lengths;
}

BatchPart part_of(const Batch& batch, const std::vector<Length>& lengths, Length wanted) {
  BatchPart part;
  part.long_texts = wanted == Length::is_long;
  std::vector<int64_t> rows, moved(lengths.size(), -1);
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] != wanted) continue;
    const auto& s = batch.layout.segments[i];
    moved[i] = static_cast<int64_t>(part.batch.layout.segments.size());
    const int64_t begin = static_cast<int64_t>(rows.size());
    part.batch.layout.segments.push_back({begin, begin + s.size(), s.parent >= 0 ? moved[s.parent] : -1});
    for (int64_t row = s.begin; row < s.end; ++row) rows.push_back(row);
  }
  part.rows = torch::tensor(rows, torch::kInt64);
  part.batch.ids = batch.ids.index_select(0, part.rows.to(batch.ids.device()));
  part.batch.layout.positions = batch.layout.positions.index_select(0, part.rows);
  return part;
}

}  // namespace

std::vector<BatchPart> parts_by_length(const Batch& batch, int64_t num_before, int64_t longest_short) {
  const auto lengths = lengths_of(batch, num_before, longest_short);
  const auto has = [&](Length length) { return std::find(lengths.begin(), lengths.end(), length) != lengths.end(); };
  if (has(Length::is_short) && has(Length::is_long)) {
    return {part_of(batch, lengths, Length::is_short), part_of(batch, lengths, Length::is_long)};
  }
  const bool long_texts = lengths.empty() ? batch.text_length + num_before > longest_short : has(Length::is_long);
  return {{batch, torch::arange(batch.num_rows()), long_texts}};
}

}  // namespace peftlab::model
