// What each block of rows reads, and how the blocks are shared out.
#pragma once

#include <cstdint>
#include <vector>

namespace peftlab::kernels::loops {

struct AttentionShape {
  int64_t heads = 0;     // H
  int64_t kv_heads = 0;  // K
  int64_t width = 0;     // D
  int64_t group() const { return heads / kv_heads; }
};

struct AttentionRule {
  float scale = 1.0f;
  float softcap = 0.0f;  // 0: none
};

/// Rows that stand one after the other on a path: of the context, or of the batch.
struct KeyRange {
  bool context = false;
  int64_t row = 0;
  int64_t count = 0;
};

/// The keys that a segment's tokens see: context, ancestors from the root on, itself.
struct KeyPath {
  std::vector<KeyRange> ranges;  // the last one is the segment itself
  int64_t above = 0;             // keys before the segment's own
  int64_t parent = -1;
  int64_t begin = 0;             // first row of the segment
  int64_t length() const { return above + ranges.back().count; }
};

/// Rows [begin, end) of one segment.
struct RowBlock {
  int64_t path = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// A block for one key/value head.
struct Work {
  int64_t head = 0;
  const RowBlock* block = nullptr;
};

struct AttentionPlan {
  AttentionShape shape;
  AttentionRule rule;
  int64_t num_rows = 0;     // N
  int64_t num_context = 0;  // S
  std::vector<KeyPath> paths;
  std::vector<RowBlock> blocks;
  std::vector<int64_t> first_seen;  // (N) place on its path of the first key a row sees

  int64_t longest_path() const;
  int64_t most_block_rows() const;
};

/// Cuts a segment's rows into blocks whose scores stay in cache.
void add_blocks(AttentionPlan& plan, int64_t path);

/// All work, one head after the other, cut into at most `shares` runs of about equal cost.
std::vector<std::vector<Work>> share_out(const AttentionPlan& plan, int64_t shares);

}  // namespace peftlab::kernels::loops
