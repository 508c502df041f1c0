// How fast bare matrix products are on this machine at a moment.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "core/model/decoder.h"

namespace peftlab::lab {

class ProductLimit {
 public:
  /// For the matrices of this model, in the type of its activations.
  explicit ProductLimit(const model::Decoder& decoder);

  /// FLOP/s of the best product now: 2048 x 2048 x 2048, or so many rows by one of the model's matrices. Each is made
  /// three times, the fastest counts.
  double now(int64_t rows) const;

 private:
  double rate(int64_t rows, int64_t out, int64_t in) const;

  std::set<std::pair<int64_t, int64_t>> shapes_;  // (out, in)
  at::Tensor numbers_;                            // what x and w are cut from
};

}  // namespace peftlab::lab
