// One thread's share of attention over a tree.
#pragma once

#include <cstdint>
#include <vector>

#include "core/kernels/loops/attention_block.h"
#include "core/kernels/loops/attention_plan.h"
#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// Contiguous arrays of one call; the context's are null when there is none.
template <typename T>
struct AttentionInputs {
  const T* q;          // (N, H, D)
  const T* k;          // (N, K, D)
  const T* v;          // (N, K, D)
  const T* context_k;  // (S, K, D)
  const T* context_v;  // (S, K, D)
};

/// The keys or values of one path as float32 tiles. Moving to a segment with the same parent reloads the own rows alone.
template <typename T>
class PathTile {
 public:
  /// Rows are `padded(width)` apart where they lie as in the tensor, columns `padded(longest path)` where transposed.
  PathTile(const AttentionPlan& plan, const T* rows, const T* context, bool straight, bool transposed);
  void move_to(int64_t head, int64_t path);
  const float* straight(int64_t row) const { return straight_.data() + row * width_step_; }
  const float* transposed(int64_t column) const { return transposed_.data() + column; }
  int64_t width_step() const { return width_step_; }
  int64_t length_step() const { return length_step_; }

 private:
  void load(const KeyRange& range, int64_t head, int64_t place);

  const AttentionPlan& plan_;
  const T* rows_;
  const T* context_;
  int64_t width_step_, length_step_;
  std::vector<float> straight_;    // (longest path, padded width), or empty
  std::vector<float> transposed_;  // (width, padded longest path), or empty
  PathCursor at_;
};

/// Computes `result` (N, H, D) and `log_sums` (N, H) for the blocks given.
template <typename T>
void attend(const AttentionPlan& plan, const AttentionInputs<T>& inputs, const std::vector<Work>& share, T* result,
            float* log_sums);

/// Sums over rows for keys and values: (heads, S + N, padded D), for heads first_head .. first_head + heads - 1.
struct KeyGradients {
  int64_t first_head = 0;
  int64_t heads = 0;
  std::vector<float> dk;  // empty when nobody wants it
  std::vector<float> dv;
};

/// Which gradients are wanted.
struct AttentionWants {
  bool q = false, k = false, v = false, context = false;
};

/// Zeros for the share's heads.
KeyGradients empty_gradients(const AttentionPlan& plan, const std::vector<Work>& share, const AttentionWants& wants);

/// Writes dq (N, H, D; may be null) for the blocks given and returns their part of the gradients of keys and values.
template <typename T>
KeyGradients attend_back(const AttentionPlan& plan, const AttentionInputs<T>& inputs, const std::vector<Work>& share,
                         const T* d_result, const float* log_sums, const AttentionWants& wants, T* dq);

}  // namespace peftlab::kernels::loops
