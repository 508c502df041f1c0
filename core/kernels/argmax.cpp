#include "core/kernels/argmax.h"

#include <torch/utils.h>

#include "core/kernels/loops/softmax_loops.h"
#include "core/kernels/parallel.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

torch::Tensor argmax_rows(const torch::Tensor& logits) {
  TORCH_CHECK(logits.dim() == 2 && logits.size(1) > 0, "argmax_rows: logits are (B, V) with V >= 1, got ", logits.sizes());
  const torch::NoGradGuard no_grad;
  if (!has_fast_rows(logits)) return logits.argmax(/*dim=*/-1).cpu();
  const auto rows = logits.contiguous();
  const int64_t width = rows.size(1);
  auto result = torch::empty({rows.size(0)}, torch::kInt64);
  with_row_type(rows.scalar_type(), [&](auto tag) {
    const auto* const x = elements<decltype(tag)>(rows);
    auto* const places = mutable_elements<int64_t>(result);
    parallel_for(0, rows.size(0), rows_for_a_thread(width), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) places[i] = loops::place_of_largest(width, x + i * width);
    });
  });
  return result;
}

}  // namespace peftlab::kernels
