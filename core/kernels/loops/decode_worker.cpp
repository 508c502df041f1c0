#include "core/kernels/loops/decode_worker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels/loops/softmax_loops.h"
#include "core/kernels/loops/tile_product.h"
#include "core/kernels/loops/tile_rows.h"

namespace peftlab::kernels::loops {

namespace {

/// Unnormalised sums of some rows: the weights e^(score - largest) add up to `sum`.
struct Partial {
  float largest = -std::numeric_limits<float>::infinity();
  float sum = 0.0f;
};

/// The shared keys' part of a block, in one product: `mixed` (rows, padded D) and one Partial a row.
template <typename T>
std::vector<Partial> attend_shared(const DecodeInputs<T>& in, int64_t head, int64_t begin, int64_t rows,
                                   const std::vector<float>& q, std::vector<float>& mixed) {
  const int64_t width = in.shape.width, step = padded(width), columns = padded(in.num_shared), group = in.shape.group();
  std::vector<Partial> partial(rows);
  if (in.num_shared == 0) return partial;
  std::vector<float> keys(width * columns), values(in.num_shared * step), scores(rows * columns);
  const int64_t key_step = in.shape.kv_heads * width;
  load_transposed(in.num_shared, width, in.shared_k + head * width, key_step, /*scale=*/1.0f, keys.data(), columns);
  load_rows(in.num_shared, width, in.shared_v + head * width, key_step, /*scale=*/1.0f, values.data(), step);
  tile_product(rows, columns, width, {q.data(), step, 1}, keys.data(), columns, scores.data(), columns, /*add=*/false);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t first = in.first_shared[begin + r / group];
    if (first == in.num_shared) {
      std::fill_n(scores.data() + r * columns, columns, 0.0f);
      continue;
    }
    const ScoreRow row{columns, first, in.num_shared, in.rule.softcap};
    partial[r].sum = softmax_row(row, scores.data() + r * columns, &partial[r].largest);
  }
  tile_product(rows, step, in.num_shared, {scores.data(), columns, 1}, values.data(), step, mixed.data(), step, /*add=*/false);
  return partial;
}

/// mixed += p v for the `count` values that start at v, each `row_step` after the other; p (group, count) with rows `step_p` apart.
template <typename T>
void mix_own(int64_t group, int64_t count, int64_t width, const float* p, int64_t step_p, const T* v, int64_t row_step, float* mixed) {
  const int64_t step = padded(width);
  if (width == step) return tile_product(group, step, count, {p, step_p, 1}, v, row_step, mixed, step, /*add=*/true);
  std::vector<float> values(count * step);
  load_rows(count, width, v, row_step, /*scale=*/1.0f, values.data(), step);
  tile_product(group, step, count, {p, step_p, 1}, values.data(), step, mixed, step, /*add=*/true);
}

/// Adds a sequence's own keys to the `group` rows of q and mixed that start at the pointers. `scores`: room for a row of own
/// places for each.
template <typename T>
void attend_own(const DecodeInputs<T>& in, int64_t head, int64_t sequence, const float* q, Partial* partial, float* mixed,
                float* scores) {
  const int64_t width = in.shape.width, step = padded(width), group = in.shape.group(), heads = in.shape.kv_heads;
  const int64_t begin = in.first_own[sequence] / kTileWidth * kTileWidth;  // where a tile starts
  const int64_t first = in.first_own[sequence] - begin, count = in.lengths[sequence] - begin, columns = padded(count);
  const T* keys = in.own_k + (sequence * heads + head) * width * in.room + begin;
  const T* values = in.own_v + ((sequence * in.room + begin + first) * heads + head) * width;
  tile_product(group, columns, width, {q, step, 1}, keys, in.room, scores, columns, /*add=*/false);
  for (int64_t g = 0; g < group; ++g) {
    Partial own;
    own.sum = softmax_row({columns, first, count, in.rule.softcap}, scores + g * columns, &own.largest);
    const float largest = std::max(own.largest, partial[g].largest);
    const float keep = std::exp(partial[g].largest - largest), gain = std::exp(own.largest - largest);
    for (int64_t i = 0; i < width; ++i) mixed[g * step + i] *= keep;
    for (int64_t t = first; t < count; ++t) scores[g * columns + t] *= gain;
    partial[g] = {largest, keep * partial[g].sum + gain * own.sum};
  }
  mix_own(group, count - first, width, scores + first, columns, values, heads * width, mixed);
}

}  // namespace

template <typename T>
void decode_block(const DecodeInputs<T>& in, int64_t head, int64_t begin, int64_t end, T* result) {
  const int64_t width = in.shape.width, step = padded(width), group = in.shape.group(), rows = (end - begin) * group;
  std::vector<float> q(rows * step), mixed(rows * step), scores(group * in.room);
  const auto first_row = [&](int64_t sequence) { return (sequence * in.shape.heads + head * group) * width; };
  for (int64_t i = begin; i < end; ++i) {
    load_rows(group, width, in.q + first_row(i), width, in.rule.scale, q.data() + (i - begin) * group * step, step);
  }
  auto partial = attend_shared(in, head, begin, rows, q, mixed);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t r = (i - begin) * group;
    attend_own(in, head, i, q.data() + r * step, partial.data() + r, mixed.data() + r * step, scores.data());
    for (int64_t g = 0; g < group; ++g) {
      store_row(width, mixed.data() + (r + g) * step, 1.0f / partial[r + g].sum, result + first_row(i) + g * width);
    }
  }
}

template void decode_block(const DecodeInputs<float>&, int64_t, int64_t, int64_t, float*);
template void decode_block(const DecodeInputs<Bfloat16>&, int64_t, int64_t, int64_t, Bfloat16*);

}  // namespace peftlab::kernels::loops
