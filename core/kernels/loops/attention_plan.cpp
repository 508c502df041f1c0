#include "core/kernels/loops/attention_plan.h"

#include <algorithm>

namespace peftlab::kernels::loops {

namespace {

constexpr int64_t kBlockRows = 96;         // query rows (tokens times heads of a group) in a block
constexpr int64_t kBlockScores = 1 << 15;  // scores in a block: 128 KiB, a part of the second cache

/// Products and row passes of a block, in units of one key for one row.
int64_t cost_of(const AttentionPlan& plan, const RowBlock& block) {
  const KeyPath& path = plan.paths[block.path];
  const int64_t keys = path.above + block.end - path.begin - plan.first_seen[block.begin];
  return (block.end - block.begin) * (keys + 1);
}

}  // namespace

int64_t AttentionPlan::longest_path() const {
  int64_t longest = 0;
  for (const KeyPath& path : paths) longest = std::max(longest, path.length());
  return longest;
}

int64_t AttentionPlan::most_block_rows() const {
  int64_t most = 0;
  for (const RowBlock& block : blocks) most = std::max(most, (block.end - block.begin) * shape.group());
  return most;
}

void add_blocks(AttentionPlan& plan, int64_t path) {
  const KeyPath& keys = plan.paths[path];
  const int64_t group = plan.shape.group();
  const int64_t rows = std::min(kBlockRows, kBlockScores / std::max<int64_t>(1, keys.length()));
  const int64_t tokens = std::max<int64_t>(1, rows / group);
  const int64_t end = keys.begin + keys.ranges.back().count;
  for (int64_t row = keys.begin; row < end; row += tokens) {
    plan.blocks.push_back({path, row, std::min(row + tokens, end)});
  }
}

std::vector<std::vector<Work>> share_out(const AttentionPlan& plan, int64_t shares) {
  int64_t total = 0;
  for (const RowBlock& block : plan.blocks) total += cost_of(plan, block);
  total *= plan.shape.kv_heads;
  std::vector<std::vector<Work>> result(std::max<int64_t>(1, shares));
  const auto count = static_cast<int64_t>(result.size());
  const double each = static_cast<double>(total) / static_cast<double>(count);
  double done = 0;
  for (int64_t head = 0; head < plan.shape.kv_heads; ++head) {
    for (const RowBlock& block : plan.blocks) {
      const auto cost = static_cast<double>(cost_of(plan, block));
      const auto share = static_cast<int64_t>((done + cost / 2) / each);
      result[std::min(share, count - 1)].push_back({head, &block});
      done += cost;
    }
  }
  return result;
}

}  // namespace peftlab::kernels::loops
