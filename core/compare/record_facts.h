// What run.json says of the conditions of a run.
#pragma once

#include <string>

#include "core/compare/run.h"
#include "core/io/json.h"

namespace peftlab::compare {

/// Of the frozen weights: "bf16", "f32".
std::string number_type(const io::Json& record);

/// For Run::must_agree.
Facts must_agree(const io::Json& record);

/// What times depend on; "" where the record does not say.
std::string machine_of(const io::Json& record);

/// For Run::circumstances: versions, machine, numbers, texts, and every setting of training.
Facts circumstances(const io::Json& record, const std::string& machine);

/// What makes two runs repetitions of each other when only the seed differs. "" where the record does not say.
std::string settings_of(const io::Json& record);

}  // namespace peftlab::compare
