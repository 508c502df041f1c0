// The part of a method that meets the dynamic linker first. Built with other facts than the host's.
#include "peftlab/abi.h"

extern "C" __attribute__((visibility("default"))) const char* const peftlab_method = &PEFTLAB_STAMP;
