#include "core/cli/environment.h"

#include <unistd.h>

#include <cstdlib>

namespace peftlab::cli {
namespace {

/// Returns whether it was missing.
bool set_if_missing(const char* name, const char* value) {
  if (std::getenv(name) != nullptr) return false;
  setenv(name, value, /*overwrite=*/0);
  return true;
}

}  // namespace

void settle_environment(char** argv) {
  // The launcher sets the same, so that nothing has to begin anew.
  bool anew = std::getenv("OMP_WAIT_POLICY") == nullptr && set_if_missing("GOMP_SPINCOUNT", "20000");
  for (const char* name : {"ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"}) anew = set_if_missing(name, "64") || anew;
  if (anew) execv("/proc/self/exe", argv);
}

}  // namespace peftlab::cli
