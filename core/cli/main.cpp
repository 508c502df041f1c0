#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "core/cli/environment.h"
#include "core/cli/program.h"

int main(int argc, char** argv) {
  peftlab::cli::settle_environment(argv);
  const int status = peftlab::cli::run_program(argc, argv);
#ifdef __SANITIZE_ADDRESS__
  return status;  // leaks are looked for on the way out
#else
  // Taking libtorch's registries apart would cost a tenth of a second, and the system frees all the same.
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(status);
#endif
}
