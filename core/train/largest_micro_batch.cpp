#include "core/train/largest_micro_batch.h"

#include <algorithm>
#include <numeric>

#include "core/train/order.h"

namespace peftlab::train {

int64_t num_rows_of(const std::vector<model::Sequence>& examples, bool share_beginning) {
  const int64_t alone = std::accumulate(examples.begin(), examples.end(), int64_t{0}, [](int64_t sum, const model::Sequence& example) {
    return sum + static_cast<int64_t>(example.ids.size());
  });
  return share_beginning ? alone - static_cast<int64_t>(examples.size() - 1) * model::shared_beginning(examples) : alone;
}

std::vector<model::Sequence> largest_micro_batch(const std::vector<model::Sequence>& examples, const Settings& settings,
                                                 uint64_t seed, bool share_beginning) {
  const Plan plan = make_plan(settings, static_cast<int64_t>(examples.size()));
  Order order(seed, plan);
  const auto size = static_cast<size_t>(settings.batch_size);
  std::vector<model::Sequence> largest;
  int64_t most = 0;
  for (int64_t step = 1; step <= plan.num_steps; ++step) {
    const auto chosen = order.of_step(step);
    for (size_t begin = 0; begin < chosen.size(); begin += size) {
      std::vector<model::Sequence> part;
      for (size_t i = begin; i < std::min(begin + size, chosen.size()); ++i) part.push_back(examples[chosen[i]]);
      const int64_t rows = num_rows_of(part, share_beginning);
      if (rows <= most) continue;
      most = rows;
      largest = std::move(part);
    }
  }
  return largest;
}

}  // namespace peftlab::train
