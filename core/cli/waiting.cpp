#include "core/cli/waiting.h"

#include <unistd.h>

#include <cstdlib>

namespace peftlab::cli {

void wait_briefly(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);  // the launcher says the same
  execv("/proc/self/exe", argv);
}

}  // namespace peftlab::cli
