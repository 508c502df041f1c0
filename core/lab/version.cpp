#include "core/lab/version.h"

#include "peftlab_commit.h"

namespace peftlab::lab {

const char* const kVersion = PEFTLAB_VERSION;
const char* const kCommit = PEFTLAB_COMMIT;

}  // namespace peftlab::lab
