#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/environment.h"
#include "core/cli/program.h"

namespace {

/// The status to end with: nobody shall take a table for whole that a full disk cut off.
int after_output(int status) {
  std::cout.flush();
  if ((std::cout && !std::ferror(stdout)) || status != peftlab::cli::kDone) return status;
  std::cerr << "peftlab: standard output could not be written to its end; free some space, or write to another place\n";
  return peftlab::cli::kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  peftlab::cli::settle_environment(argv);
  const int status = after_output(peftlab::cli::run_program(argc, argv));
#ifdef __SANITIZE_ADDRESS__
  return status;  // leaks are looked for on the way out
#else
  // Taking libtorch's registries apart would cost a tenth of a second, and the system frees all the same.
  std::fflush(nullptr);
  std::_Exit(status);
#endif
}
