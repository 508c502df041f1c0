// A block of rows as attention works on it, and where on the tree its keys are.
#pragma once

#include "core/kernels/loops/attention_plan.h"
#include "core/kernels/loops/softmax_loops.h"
#include "core/kernels/loops/tile_product.h"
#include "core/kernels/loops/tile_rows.h"

namespace peftlab::kernels::loops {

/// Where the rows and columns of a block's scores lie.
struct BlockView {
  BlockView(const AttentionPlan& plan, const Work& work)
      : group(plan.shape.group()), rows((work.block->end - work.block->begin) * group) {
    const KeyPath& path = plan.paths[work.block->path];
    const auto* seen = plan.first_seen.data();
    // Later rows never see an earlier key than the first row does.
    first = seen[work.block->begin] / kTileWidth * kTileWidth;
    last = path.above + work.block->end - path.begin;
    columns = padded(last - first);
  }

  /// The columns that tile row r sees.
  ScoreRow seen(const AttentionPlan& plan, const Work& work, int64_t r) const {
    const int64_t row = work.block->begin + r / group;
    const KeyPath& path = plan.paths[work.block->path];
    return {columns, plan.first_seen[row] - first, path.above + row - path.begin + 1 - first, plan.rule.softcap};
  }

  int64_t group, rows;
  int64_t first;    // the path's key in column 0
  int64_t last;     // one past the last key any row sees
  int64_t columns;  // padded
};

/// Copies the block's rows of (N, H, D) into a tile, a token's heads of the group below each other.
template <typename T>
void load_block(const AttentionPlan& plan, const Work& work, const T* from, float scale, float* tile) {
  const int64_t width = plan.shape.width, step = padded(width), group = plan.shape.group();
  for (int64_t row = work.block->begin; row < work.block->end; ++row, tile += group * step) {
    load_rows(group, width, from + (row * plan.shape.heads + work.head * group) * width, width, scale, tile, step);
  }
}

/// Writes a tile's row r back to (N, H, D).
template <typename T>
void store_block_row(const AttentionPlan& plan, const Work& work, int64_t r, const float* tile, float scale, T* to) {
  const int64_t width = plan.shape.width, group = plan.shape.group();
  const int64_t row = work.block->begin + r / group, head = work.head * group + r % group;
  store_row(width, tile + r * padded(width), scale, to + (row * plan.shape.heads + head) * width);
}

/// The head and path that a tile holds the keys of.
class PathCursor {
 public:
  bool is_at(int64_t head, int64_t path) const { return head == head_ && path == path_; }
  /// Whether the keys above `path`'s own are those that the tile holds.
  bool has_above(const AttentionPlan& plan, int64_t head, int64_t path) const {
    return head == head_ && path_ >= 0 && plan.paths[path].parent == plan.paths[path_].parent;
  }
  void set(int64_t head, int64_t path) {
    head_ = head;
    path_ = path;
  }
  int64_t head() const { return head_; }
  int64_t path() const { return path_; }

 private:
  int64_t head_ = -1, path_ = -1;
};

/// Calls f(range, place on the path) for the segment's own keys and, with `above`, for those before them.
template <typename F>
void for_ranges(const KeyPath& path, bool above, F&& f) {
  int64_t place = 0;
  for (const KeyRange& range : path.ranges) {
    if (above || &range == &path.ranges.back()) f(range, place);
    place += range.count;
  }
}

}  // namespace peftlab::kernels::loops
