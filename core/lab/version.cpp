#include "core/lab/version.h"

namespace peftlab::lab {

const char* const kVersion = PEFTLAB_VERSION;

}  // namespace peftlab::lab
