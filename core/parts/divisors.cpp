#include "peftlab/parts/divisors.h"

#include <c10/util/Exception.h>

namespace peftlab {

int64_t nearest_divisor(int64_t size, int64_t wanted) {
  TORCH_CHECK(size >= 1 && wanted >= 1, "nearest_divisor: of ", size, " to ", wanted);
  if (wanted >= size) return size;
  int64_t below = wanted, above = wanted;
  while (size % below != 0) --below;
  while (size % above != 0) ++above;
  return wanted - below <= above - wanted ? below : above;
}

TwoFactors two_factors(int64_t size, int64_t factor) {
  if (factor > 0 && size % factor == 0) return {factor, size / factor};
  int64_t best = 1;
  for (int64_t n = 1; n * n <= size && (factor < 0 || n <= factor); ++n) {
    if (size % n == 0) best = n;
  }
  return {best, size / best};
}

}  // namespace peftlab
