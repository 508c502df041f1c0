// The symbol whose name every method refers to (include/peftlab/abi.h).
#include "peftlab/abi.h"

extern "C" __attribute__((visibility("default"))) const char PEFTLAB_STAMP = 0;
