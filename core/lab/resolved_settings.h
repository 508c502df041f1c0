// Settings as the record shows them: every key of an experiment file, defaults included.
#pragma once

#include "core/evaluate/settings.h"
#include "core/io/json.h"
#include "core/train/settings.h"

namespace peftlab::lab {

io::Json resolved_train(const train::Settings& train);

/// Files by their names, without their folders.
io::Json resolved_evaluate(const evaluate::Settings& evaluate);

}  // namespace peftlab::lab
