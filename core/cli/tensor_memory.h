// Where tensors' memory comes from.
#pragma once

namespace peftlab::cli {

/// Lets libtorch take the memory of tensors on the processor from malloc, with room to align it. For posix_memalign,
/// which it calls by itself, glibc looks for a block that is larger by the alignment: what one tensor leaves is too
/// small for the next of its size, and the holes add up to a tenth of what a step holds.
void take_tensors_from_malloc();

}  // namespace peftlab::cli
