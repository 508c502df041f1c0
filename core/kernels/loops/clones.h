// Builds a loop once for each level of the processor and picks the best at start.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && (defined(__GNUC__) || defined(__clang__))
/// For a function that is no template; what it calls must be PEFTLAB_INLINE to be built with it.
#define PEFTLAB_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PEFTLAB_CLONES
#endif

#define PEFTLAB_INLINE inline __attribute__((always_inline))
