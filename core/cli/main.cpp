#include "core/cli/environment.h"
#include "core/cli/program.h"

int main(int argc, char** argv) {
  peftlab::cli::settle_environment(argv);
  return peftlab::cli::run_program(argc, argv);
}
