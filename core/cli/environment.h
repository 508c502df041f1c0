// Settings of the libraries below that are read once, when they are loaded.
#pragma once

namespace peftlab::cli {

/// Sets what the environment does not set, and where anything was missing begins the program anew with it:
/// - OpenMP's threads wait by spinning for a moment and then sleep. By default they spin on, and where other programs want the
///   processor too a run takes many times as long; sleeping at once costs a tenth on an idle machine.
/// - oneDNN keeps the code of 64 products instead of 1,024, and so does ideep on top of it. Half a MiB each is held for every
///   shape that was met, and batches differ in their number of tokens: 500 MiB in a run that needs 880. A step of training
///   has about thirty shapes, each used once a layer, so none is made twice in a step.
void settle_environment(char** argv);

}  // namespace peftlab::cli
