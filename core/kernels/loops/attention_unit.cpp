#include "core/kernels/loops/attention_unit.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/loops/aligned.h"
#include "core/kernels/loops/attention_block.h"
#include "core/kernels/loops/matrix_unit.h"
#include "core/kernels/loops/pairs.h"
#include "core/kernels/loops/tile_rows.h"

namespace peftlab::kernels::loops {

namespace {

static_assert(kTileWidth == kUnitSide, "columns of a block are padded for both");

/// Sizes that the buffers have in common.
struct UnitSizes {
  explicit UnitSizes(const AttentionPlan& plan)
      : width(plan.shape.width),
        wide(unit_sides(width)),
        deep(unit_depths(width)),
        rows(unit_depths(plan.most_block_rows())),
        // A block's columns may begin in the middle of what an instruction takes, and end beyond the path.
        length(unit_depths(plan.longest_path()) + kUnitDepth) {}
  int64_t width;   // D
  int64_t wide;    // D as columns
  int64_t deep;    // D as the depth of a sum
  int64_t rows;    // of the largest block
  int64_t length;  // of the longest path
};

/// The keys or values of one path as the right side of products.
class PathPairs {
 public:
  /// `straight`: a key is a row; `turned`: a key is a column.
  PathPairs(const AttentionPlan& plan, const UnitSizes& sizes, const Bfloat16* rows, const Bfloat16* context,
            bool straight, bool turned)
      : plan_(plan), sizes_(sizes), rows_(rows), context_(context) {
    if (straight) {
      straight_.resize(sizes.length * sizes.wide);
      zeros_.resize(kUnitDepth * sizes.wide);
    }
    if (turned) turned_.resize(sizes.deep * sizes.length);
  }

  void move_to(int64_t head, int64_t path) {
    if (at_.is_at(head, path)) return;
    const KeyPath& keys = plan_.paths[path];
    for_ranges(keys, !at_.has_above(plan_, head, path),
               [&](const KeyRange& range, int64_t place) { load(range, head, place); });
    // What a longer path left behind meets probabilities of 0, and may not be a number.
    const int64_t end = keys.length();
    if (!straight_.empty()) {
      pair_rows(end, kUnitDepth - end % kUnitSide, sizes_.wide, zeros_.data(), sizes_.wide, straight_.data(),
                2 * sizes_.wide);
    }
    at_.set(head, path);
  }

  Pairs straight(int64_t first) const { return {straight_.data() + first * sizes_.wide, 2 * sizes_.wide}; }
  Pairs turned(int64_t first) const { return {turned_.data() + 2 * first, 2 * sizes_.length}; }

 private:
  void load(const KeyRange& range, int64_t head, int64_t place) {
    const int64_t width = sizes_.width, step = plan_.shape.kv_heads * width;
    const Bfloat16* from = (range.context ? context_ : rows_) + range.row * step + head * width;
    if (!straight_.empty()) pair_rows(place, range.count, width, from, step, straight_.data(), 2 * sizes_.wide);
    if (!turned_.empty()) pair_columns(range.count, width, from, step, turned_.data() + 2 * place, 2 * sizes_.length);
  }

  const AttentionPlan& plan_;
  const UnitSizes& sizes_;
  const Bfloat16* rows_;
  const Bfloat16* context_;
  AlignedVector<Bfloat16> straight_;  // pairs of (length, wide), or empty
  AlignedVector<Bfloat16> turned_;    // pairs of (deep, length), or empty
  AlignedVector<Bfloat16> zeros_;
  PathCursor at_;
};

/// Sums for the keys of one path, a key in a column, that go to their rows when the path changes.
class PathSums {
 public:
  PathSums(const AttentionPlan& plan, const UnitSizes& sizes, bool with_context, int64_t first_head, float* rows)
      : plan_(plan), sizes_(sizes), with_context_(with_context), first_head_(first_head), rows_(rows) {
    sums_.resize(sizes.wide * sizes.length);
  }

  void move_to(int64_t head, int64_t path) {
    if (at_.is_at(head, path)) return;
    hand_over(!at_.has_above(plan_, head, path));
    at_.set(head, path);
  }

  void finish() { hand_over(/*above=*/true); }

  float* columns(int64_t first) { return sums_.data() + first; }
  int64_t step() const { return sizes_.length; }

 private:
  void hand_over(bool above) {
    if (at_.path() < 0) return;
    const int64_t step = padded(sizes_.width);
    float* head = rows_ + (at_.head() - first_head_) * (plan_.num_context + plan_.num_rows) * step;
    for_ranges(plan_.paths[at_.path()], above, [&](const KeyRange& range, int64_t place) {
      const int64_t row = range.row + (range.context ? 0 : plan_.num_context);
      if (with_context_ || !range.context) {
        add_turned(range.count, sizes_.width, columns(place), sizes_.length, head + row * step, step);
      }
      // Blocks reach beyond the last key, and 0 times what is not a number is none.
      const int64_t cleared = range.count + (&range == &plan_.paths[at_.path()].ranges.back() ? kUnitSide : 0);
      for (int64_t i = 0; i < sizes_.wide; ++i) std::fill_n(columns(place) + i * sizes_.length, cleared, 0.0f);
    });
  }

  const AttentionPlan& plan_;
  const UnitSizes& sizes_;
  bool with_context_;
  int64_t first_head_;
  float* rows_;                // (heads, S + N, padded D)
  AlignedVector<float> sums_;  // (wide, length)
  PathCursor at_;
};

/// Copies the block's rows of (N, H, D) into `to`, rows sizes.deep apart, with rows of zeros below.
void load_rows_of_block(const AttentionPlan& plan, const Work& work, const UnitSizes& sizes, const Bfloat16* from,
                        Bfloat16* to) {
  const int64_t group = plan.shape.group();
  for (int64_t row = work.block->begin; row < work.block->end; ++row) {
    const Bfloat16* heads = from + (row * plan.shape.heads + work.head * group) * sizes.width;
    for (int64_t i = 0; i < group; ++i, to += sizes.deep) std::copy_n(heads + i * sizes.width, sizes.width, to);
  }
  const int64_t rows = (work.block->end - work.block->begin) * group;
  std::fill_n(to, (unit_depths(rows) - rows) * sizes.deep, Bfloat16{0});
}

/// Rounds the first `rows` rows of scores into bfloat16, with zeros from `columns` to `depth`.
void round_scores(const BlockView& view, const float* scores, int64_t depth, Bfloat16* to) {
  for (int64_t r = 0; r < view.rows; ++r) {
    store_row(view.columns, scores + r * view.columns, /*scale=*/1.0f, to + r * depth);
    std::fill_n(to + r * depth + view.columns, depth - view.columns, Bfloat16{0});
  }
}

ScoreRow seen_row(const AttentionPlan& plan, const Work& work, const BlockView& view, int64_t r) {
  ScoreRow row = view.seen(plan, work, r);
  row.scale = plan.rule.scale;
  return row;
}

int64_t place_of_log_sum(const AttentionPlan& plan, const Work& work, const BlockView& view, int64_t r) {
  return (work.block->begin + r / view.group) * plan.shape.heads + work.head * view.group + r % view.group;
}

}  // namespace

bool fits_unit(const AttentionShape& shape) { return shape.width % 2 == 0 && has_matrix_unit(); }

void attend_on_unit(const AttentionPlan& plan, const AttentionInputs<Bfloat16>& inputs, const std::vector<Work>& share,
                    Bfloat16* result, float* log_sums) {
  const MatrixUnit unit;
  const UnitSizes sizes(plan);
  PathPairs keys(plan, sizes, inputs.k, inputs.context_k, /*straight=*/false, /*turned=*/true);
  PathPairs values(plan, sizes, inputs.v, inputs.context_v, /*straight=*/true, /*turned=*/false);
  AlignedVector<Bfloat16> q(sizes.rows * sizes.deep), p(sizes.rows * sizes.length);
  AlignedVector<float> scores(sizes.rows * sizes.length), mixed(sizes.rows * sizes.wide), sums(sizes.rows);
  for (const Work& work : share) {
    const BlockView view(plan, work);
    const int64_t rows = unit_sides(view.rows), depth = unit_depths(view.columns);
    keys.move_to(work.head, work.block->path);
    values.move_to(work.head, work.block->path);
    load_rows_of_block(plan, work, sizes, inputs.q, q.data());
    unit_product(rows, view.columns, sizes.deep, q.data(), sizes.deep, keys.turned(view.first), scores.data(),
                 view.columns,
                 /*add=*/false);
    for (int64_t r = 0; r < view.rows; ++r) {
      float largest;
      sums[r] = softmax_row(seen_row(plan, work, view, r), scores.data() + r * view.columns, &largest);
      log_sums[place_of_log_sum(plan, work, view, r)] = largest + std::log(sums[r]);
    }
    round_scores(view, scores.data(), depth, p.data());
    unit_product(rows, sizes.wide, depth, p.data(), depth, values.straight(view.first), mixed.data(), sizes.wide,
                 /*add=*/false);
    for (int64_t r = 0; r < view.rows; ++r) store_block_row(plan, work, r, mixed.data(), 1.0f / sums[r], result);
  }
}

namespace {

/// The buffers of a backward share.
struct BackBuffers {
  BackBuffers(const AttentionPlan& plan, const UnitSizes& sizes, const AttentionInputs<Bfloat16>& inputs)
      : keys(plan, sizes, inputs.k, inputs.context_k, /*straight=*/true, /*turned=*/true),
        values(plan, sizes, inputs.v, inputs.context_v, /*straight=*/false, /*turned=*/true),
        q(sizes.rows * sizes.deep),
        d_mixed(q.size()),
        paired(q.size()),
        turned(sizes.deep * sizes.rows),
        rounded(sizes.rows * sizes.length),
        p(sizes.rows * sizes.length),
        ds(p.size()),
        dq(sizes.rows * sizes.wide) {}
  PathPairs keys, values;
  AlignedVector<Bfloat16> q, d_mixed;  // (rows, deep)
  AlignedVector<Bfloat16> paired;      // pairs of (rows, deep)
  AlignedVector<Bfloat16> turned;      // (deep, rows)
  AlignedVector<Bfloat16> rounded;     // (rows, columns), or pairs of those
  AlignedVector<float> p, ds;          // (rows, columns)
  AlignedVector<float> dq;             // (rows, wide)
};

/// Fills p with the block's probabilities and ds with the gradient of its products q k', with zeros in the rows below.
void score_gradients(const AttentionPlan& plan, const Work& work, const BlockView& view, const UnitSizes& sizes,
                     const float* log_sums, BackBuffers& buffers) {
  const int64_t rows = unit_sides(view.rows), below = (unit_depths(view.rows) - view.rows) * view.columns;
  float *p = buffers.p.data(), *ds = buffers.ds.data();
  unit_product(rows, view.columns, sizes.deep, buffers.q.data(), sizes.deep, buffers.keys.turned(view.first), p,
               view.columns,
               /*add=*/false);
  unit_product(rows, view.columns, sizes.deep, buffers.d_mixed.data(), sizes.deep, buffers.values.turned(view.first),
               ds, view.columns, /*add=*/false);
  for (int64_t r = 0; r < view.rows; ++r) {
    softmax_row_back(seen_row(plan, work, view, r), log_sums[place_of_log_sum(plan, work, view, r)],
                     p + r * view.columns, ds + r * view.columns);
  }
  std::fill_n(p + view.rows * view.columns, below, 0.0f);
  std::fill_n(ds + view.rows * view.columns, below, 0.0f);
}

/// sums (wide, columns) += left' scores: left (rows, deep), scores (rows, columns).
void add_to_keys(const BlockView& view, const UnitSizes& sizes, const AlignedVector<Bfloat16>& left,
                 const AlignedVector<float>& scores, BackBuffers& buffers, PathSums& sums) {
  const int64_t rows = unit_depths(view.rows);
  pair_rows(/*first=*/0, rows, sizes.deep, left.data(), sizes.deep, buffers.paired.data(), 2 * sizes.deep);
  // A pair of rows is a row of words; words turned are left' with its rows' elements in order.
  pair_columns(rows / 2, 2 * sizes.deep, buffers.paired.data(), 2 * sizes.deep, buffers.turned.data(), rows);
  pair_rows(/*first=*/0, rows, view.columns, scores.data(), view.columns, buffers.rounded.data(), 2 * view.columns);
  unit_product(sizes.wide, view.columns, rows, buffers.turned.data(), rows, {buffers.rounded.data(), 2 * view.columns},
               sums.columns(view.first), sums.step(), /*add=*/true);
}

void write_query_gradients(const AttentionPlan& plan, const Work& work, const BlockView& view, const UnitSizes& sizes,
                           BackBuffers& buffers, Bfloat16* dq) {
  const int64_t depth = unit_depths(view.columns);
  round_scores(view, buffers.ds.data(), depth, buffers.rounded.data());
  unit_product(unit_sides(view.rows), sizes.wide, depth, buffers.rounded.data(), depth,
               buffers.keys.straight(view.first), buffers.dq.data(), sizes.wide, /*add=*/false);
  for (int64_t r = 0; r < view.rows; ++r) store_block_row(plan, work, r, buffers.dq.data(), /*scale=*/1.0f, dq);
}

}  // namespace

KeyGradients attend_back_on_unit(const AttentionPlan& plan, const AttentionInputs<Bfloat16>& inputs,
                                 const std::vector<Work>& share, const Bfloat16* d_result, const float* log_sums,
                                 const AttentionWants& wants, Bfloat16* dq) {
  const MatrixUnit unit;
  const UnitSizes sizes(plan);
  BackBuffers buffers(plan, sizes, inputs);
  KeyGradients result = empty_gradients(plan, share, wants);
  PathSums dk(plan, sizes, wants.context, result.first_head, result.dk.data());
  PathSums dv(plan, sizes, wants.context, result.first_head, result.dv.data());
  for (const Work& work : share) {
    const BlockView view(plan, work);
    buffers.keys.move_to(work.head, work.block->path);
    buffers.values.move_to(work.head, work.block->path);
    load_rows_of_block(plan, work, sizes, inputs.q, buffers.q.data());
    load_rows_of_block(plan, work, sizes, d_result, buffers.d_mixed.data());
    score_gradients(plan, work, view, sizes, log_sums, buffers);
    if (wants.q) write_query_gradients(plan, work, view, sizes, buffers, dq);
    if (wants.k) {
      dk.move_to(work.head, work.block->path);
      add_to_keys(view, sizes, buffers.q, buffers.ds, buffers, dk);
    }
    if (wants.v) {
      dv.move_to(work.head, work.block->path);
      add_to_keys(view, sizes, buffers.d_mixed, buffers.p, buffers, dv);
    }
  }
  dk.finish();
  dv.finish();
  return result;
}

}  // namespace peftlab::kernels::loops
