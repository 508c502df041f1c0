// How the threads of OpenMP wait for each other.
#pragma once

namespace peftlab::cli {

/// Lets them spin for a moment and then sleep. By default they spin on, and where other programs want the processor too a run
/// takes many times as long; sleeping at once costs a tenth on an idle machine. OpenMP reads its settings when it is loaded, so
/// the program is begun anew with them; it returns where the environment has settings of its own.
void wait_briefly(char** argv);

}  // namespace peftlab::cli
