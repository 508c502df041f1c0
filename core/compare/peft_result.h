// The result files of PEFT's own comparison of methods (method_comparison/MetaMathQA in its repository).
#pragma once

#include <filesystem>

#include "core/compare/run.h"
#include "core/io/json.h"

namespace peftlab::compare {

bool is_peft_result(const io::Json& document);

/// One run each. Its time is that of the steps alone (the file's own train_time holds set-up and evaluation too), its
/// memory what the device had reserved at most. No answers are kept item by item; how many items there were follows
/// from the data's name.
Run peft_result_of(const io::Json& document, const std::filesystem::path& file);

}  // namespace peftlab::compare
