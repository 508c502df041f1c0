#include "core/cli/program.h"
#include "core/cli/waiting.h"

int main(int argc, char** argv) {
  peftlab::cli::wait_briefly(argv);
  return peftlab::cli::run_program(argc, argv);
}
