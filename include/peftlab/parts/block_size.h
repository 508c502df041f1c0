// How the inputs of a matrix are cut into blocks: by the options num_blocks and block_size, as PEFT's r and
// oft_block_size.
#pragma once

#include <vector>

#include "peftlab/peft.h"

namespace peftlab {

class BlockSize {
 public:
  /// Reads num_blocks and block_size, of which one is 0.
  explicit BlockSize(Options& options);

  /// Inputs of a block of a matrix: what is asked for, or the nearest size there is where nothing was given or an
  /// adapter `loads` that PEFT made so. Throws ConfigError for one that does not divide the inputs, or is 1.
  int64_t of(const FrozenLinear& base, bool loads) const;

  /// Sets the fields of adapter_config.json, and the options they become.
  void write(Fields& config) const;
  static std::vector<PeftName> fields() { return {{"r", "num_blocks"}, {"oft_block_size", "block_size"}}; }

 private:
  int64_t num_blocks_;
  int64_t block_size_;
  bool is_given_;
};

}  // namespace peftlab
