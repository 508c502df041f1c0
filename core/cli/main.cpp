#include "core/cli/program.h"

int main(int argc, char** argv) { return peftlab::cli::run_program(argc, argv); }
