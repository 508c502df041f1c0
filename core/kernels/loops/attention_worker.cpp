#include "core/kernels/loops/attention_worker.h"

#include <algorithm>
#include <cmath>

namespace peftlab::kernels::loops {

template <typename T>
PathTile<T>::PathTile(const AttentionPlan& plan, const T* rows, const T* context, bool straight, bool transposed)
    : plan_(plan),
      rows_(rows),
      context_(context),
      width_step_(padded(plan.shape.width)),
      length_step_(padded(plan.longest_path())) {
  if (straight) straight_.resize(length_step_ * width_step_);
  if (transposed) transposed_.resize(plan.shape.width * length_step_);
}

template <typename T>
void PathTile<T>::load(const KeyRange& range, int64_t head, int64_t place) {
  const int64_t width = plan_.shape.width, step = plan_.shape.kv_heads * width;
  const T* from = (range.context ? context_ : rows_) + range.row * step + head * width;
  if (!straight_.empty()) {
    load_rows(range.count, width, from, step, /*scale=*/1.0f, straight_.data() + place * width_step_, width_step_);
  }
  if (!transposed_.empty())
    load_transposed(range.count, width, from, step, /*scale=*/1.0f, transposed_.data() + place, length_step_);
}

template <typename T>
void PathTile<T>::move_to(int64_t head, int64_t path) {
  if (at_.is_at(head, path)) return;
  for_ranges(plan_.paths[path], !at_.has_above(plan_, head, path),
             [&](const KeyRange& range, int64_t place) { load(range, head, place); });
  at_.set(head, path);
}

KeyGradients empty_gradients(const AttentionPlan& plan, const std::vector<Work>& share, const AttentionWants& wants) {
  KeyGradients result;
  if (share.empty()) return result;
  result.first_head = share.front().head;
  result.heads = share.back().head - share.front().head + 1;
  const size_t size = result.heads * (plan.num_context + plan.num_rows) * padded(plan.shape.width);
  if (wants.k) result.dk.resize(size);
  if (wants.v) result.dv.resize(size);
  return result;
}

template class PathTile<float>;
template class PathTile<Bfloat16>;

template <typename T>
void attend(const AttentionPlan& plan, const AttentionInputs<T>& inputs, const std::vector<Work>& share, T* result,
            float* log_sums) {
  const int64_t width = plan.shape.width, step = padded(width), length = padded(plan.longest_path());
  PathTile<T> keys(plan, inputs.k, inputs.context_k, /*straight=*/false, /*transposed=*/true);
  PathTile<T> values(plan, inputs.v, inputs.context_v, /*straight=*/true, /*transposed=*/false);
  std::vector<float> q(plan.most_block_rows() * step), mixed(q.size()), scores(plan.most_block_rows() * length);
  for (const Work& work : share) {
    const BlockView view(plan, work);
    keys.move_to(work.head, work.block->path);
    values.move_to(work.head, work.block->path);
    load_block(plan, work, inputs.q, plan.rule.scale, q.data());
    tile_product(view.rows, view.columns, width, {q.data(), step, 1}, keys.transposed(view.first), length, scores.data(),
                 view.columns, /*add=*/false);
    std::vector<float> sums(view.rows);
    for (int64_t r = 0; r < view.rows; ++r) {
      float largest;
      sums[r] = softmax_row(view.seen(plan, work, r), scores.data() + r * view.columns, &largest);
      const int64_t row = work.block->begin + r / view.group;
      log_sums[row * plan.shape.heads + work.head * view.group + r % view.group] = largest + std::log(sums[r]);
    }
    tile_product(view.rows, step, view.last - view.first, {scores.data(), view.columns, 1}, values.straight(view.first), step,
                 mixed.data(), step, /*add=*/false);
    for (int64_t r = 0; r < view.rows; ++r) store_block_row(plan, work, r, mixed.data(), 1.0f / sums[r], result);
  }
}

template void attend(const AttentionPlan&, const AttentionInputs<float>&, const std::vector<Work>&, float*, float*);
template void attend(const AttentionPlan&, const AttentionInputs<Bfloat16>&, const std::vector<Work>&, Bfloat16*, float*);

namespace {

/// The buffers of a backward share.
template <typename T>
struct BackTiles {
  BackTiles(const AttentionPlan& plan, const AttentionInputs<T>& inputs)
      : keys(plan, inputs.k, inputs.context_k, /*straight=*/true, /*transposed=*/true),
        values(plan, inputs.v, inputs.context_v, /*straight=*/false, /*transposed=*/true),
        q(plan.most_block_rows() * padded(plan.shape.width)),
        d_mixed(q.size()),
        dq(q.size()),
        p(plan.most_block_rows() * padded(plan.longest_path())),
        ds(p.size()) {}
  PathTile<T> keys, values;
  std::vector<float> q, d_mixed, dq;  // (block rows, padded D)
  std::vector<float> p, ds;           // (block rows, columns)
};

/// sums += left' right for the key rows of the block's path, left (rows, columns), right (rows, padded D).
void add_key_rows(const AttentionPlan& plan, const Work& work, const BlockView& view, bool with_context, const float* left,
                  const float* right, float* sums) {
  const int64_t step = padded(plan.shape.width);
  int64_t place = 0;
  for (const KeyRange& range : plan.paths[work.block->path].ranges) {
    const int64_t begin = std::max(place, view.first), end = std::min(place + range.count, view.last);
    if (begin < end && (with_context || !range.context)) {
      const int64_t row = range.row + begin - place + (range.context ? 0 : plan.num_context);
      tile_product(end - begin, step, view.rows, {left + begin - view.first, 1, view.columns}, right, step, sums + row * step,
                   step, /*add=*/true);
    }
    place += range.count;
  }
}

/// Fills p with the block's probabilities and ds with the gradient of its scores.
template <typename T>
void score_gradients(const AttentionPlan& plan, const Work& work, const BlockView& view, const float* log_sums,
                     BackTiles<T>& tiles) {
  const int64_t width = plan.shape.width, step = padded(width), length = padded(plan.longest_path());
  tile_product(view.rows, view.columns, width, {tiles.q.data(), step, 1}, tiles.keys.transposed(view.first), length,
               tiles.p.data(), view.columns, /*add=*/false);
  tile_product(view.rows, view.columns, width, {tiles.d_mixed.data(), step, 1}, tiles.values.transposed(view.first), length,
               tiles.ds.data(), view.columns, /*add=*/false);
  for (int64_t r = 0; r < view.rows; ++r) {
    const int64_t row = work.block->begin + r / view.group;
    const float log_sum = log_sums[row * plan.shape.heads + work.head * view.group + r % view.group];
    softmax_row_back(view.seen(plan, work, r), log_sum, tiles.p.data() + r * view.columns, tiles.ds.data() + r * view.columns);
  }
}

}  // namespace

template <typename T>
KeyGradients attend_back(const AttentionPlan& plan, const AttentionInputs<T>& inputs, const std::vector<Work>& share,
                         const T* d_result, const float* log_sums, const AttentionWants& wants, T* dq) {
  const int64_t step = padded(plan.shape.width), head_size = (plan.num_context + plan.num_rows) * step;
  BackTiles<T> tiles(plan, inputs);
  KeyGradients result = empty_gradients(plan, share, wants);
  for (const Work& work : share) {
    const BlockView view(plan, work);
    tiles.keys.move_to(work.head, work.block->path);
    tiles.values.move_to(work.head, work.block->path);
    load_block(plan, work, inputs.q, plan.rule.scale, tiles.q.data());
    load_block(plan, work, d_result, /*scale=*/1.0f, tiles.d_mixed.data());
    score_gradients(plan, work, view, log_sums, tiles);
    if (wants.q) {
      tile_product(view.rows, step, view.last - view.first, {tiles.ds.data(), view.columns, 1},
                   tiles.keys.straight(view.first), step, tiles.dq.data(), step, /*add=*/false);
      for (int64_t r = 0; r < view.rows; ++r) store_block_row(plan, work, r, tiles.dq.data(), plan.rule.scale, dq);
    }
    const int64_t offset = (work.head - result.first_head) * head_size;
    if (wants.k) {
      add_key_rows(plan, work, view, wants.context, tiles.ds.data(), tiles.q.data(), result.dk.data() + offset);
    }
    if (wants.v) {
      add_key_rows(plan, work, view, wants.context, tiles.p.data(), tiles.d_mixed.data(), result.dv.data() + offset);
    }
  }
  return result;
}

template KeyGradients attend_back(const AttentionPlan&, const AttentionInputs<float>&, const std::vector<Work>&, const float*,
                                  const float*, const AttentionWants&, float*);
template KeyGradients attend_back(const AttentionPlan&, const AttentionInputs<Bfloat16>&, const std::vector<Work>&,
                                  const Bfloat16*, const float*, const AttentionWants&, Bfloat16*);

}  // namespace peftlab::kernels::loops
