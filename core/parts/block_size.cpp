#include "peftlab/parts/block_size.h"

#include "peftlab/parts/divisors.h"

namespace peftlab {

BlockSize::BlockSize(Options& options)
    : num_blocks_(options.integer("num_blocks", 0, "blocks of each matrix; 0: from block_size", {.least = 0})),
      block_size_(options.integer("block_size", num_blocks_ > 0 ? 0 : 32, "inputs of a block; 0: from num_blocks",
                                  {.least = 0})),
      is_given_(options.has("num_blocks") || options.has("block_size")) {
  if ((num_blocks_ > 0) != (block_size_ > 0)) return;
  options.mistake("block_size", "expected exactly one of num_blocks and block_size above 0, got " +
                                    std::to_string(num_blocks_) + " and " + std::to_string(block_size_));
}

int64_t BlockSize::of(const FrozenLinear& base, bool loads) const {
  const int64_t wanted = num_blocks_ > 0 ? num_blocks_ : block_size_;
  const int64_t nearest = nearest_divisor(base.in(), wanted);
  if (is_given_ && !loads && nearest != wanted) {
    throw ConfigError(std::string(num_blocks_ > 0 ? "num_blocks" : "block_size") + ": " + std::to_string(wanted) +
                      " does not divide the " + std::to_string(base.in()) + " inputs of " + base.name() +
                      "; the nearest that does is " + std::to_string(nearest));
  }
  const int64_t size = num_blocks_ > 0 ? base.in() / nearest : nearest;
  if (size >= 2) return size;
  throw ConfigError("num_blocks: blocks of one input cannot rotate, got " + std::to_string(wanted) + " for " +
                    base.name());
}

void BlockSize::write(Fields& config) const {
  config.set("r", num_blocks_);
  config.set("oft_block_size", block_size_);
}

}  // namespace peftlab
