#include "core/train/order.h"

#include <algorithm>
#include <numeric>

#include "core/data/shuffle.h"
#include "core/io/streams.h"

namespace peftlab::train {

std::vector<size_t> Order::of_step(int64_t step) {
  const int64_t epoch = (step - 1) / plan_.steps_per_epoch;
  if (epoch != epoch_) {
    epoch_ = epoch;
    shuffled_.resize(static_cast<size_t>(plan_.num_examples));
    std::iota(shuffled_.begin(), shuffled_.end(), size_t{0});
    data::shuffle(shuffled_, data::SplitMix64(io::stream_seed(seed_, io::kOrderStream, "epoch", static_cast<uint64_t>(epoch))));
  }
  const int64_t begin = (step - 1) % plan_.steps_per_epoch * plan_.examples_per_step;
  const int64_t end = std::min(begin + plan_.examples_per_step, plan_.num_examples);
  return {shuffled_.begin() + begin, shuffled_.begin() + end};
}

}  // namespace peftlab::train
