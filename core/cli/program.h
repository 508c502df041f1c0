#pragma once

namespace peftlab::cli {

/// Parses the command line and does what it says. Every error ends here: it is printed on stderr and becomes the exit status.
int run_program(int argc, char** argv);

}  // namespace peftlab::cli
