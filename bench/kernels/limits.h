// What the machine can do at best, measured in the process whose figures are held against it.
#pragma once

#include <torch/types.h>

namespace peftlab::bench {

/// FLOP/s of the vendor's product of two 2048 x 2048 matrices of `type`: the fastest of several. Measured once a process.
double product_limit(torch::ScalarType type);

/// Bytes/s of copying `bytes` bytes, read and write counted each: the fastest of several. Rows that fit into a cache are held
/// against a copy that does too. Measured once for a size.
double copy_limit(int64_t bytes);

}  // namespace peftlab::bench
