// The frozen weights that an adapter holds beside its updates, as the model's files have them.
#pragma once

#include "core/model/sources/weight_source.h"
#include "peftlab/method.h"

namespace peftlab::lab {

/// Puts the weights of `source` in the place of those "base_model.model.<module>.base_layer.weight" that are its own
/// rounded to the type of the model: PEFT, which may compute in another type, puts what the adapter holds in the place
/// of its own. They are float32 then. Throws ConfigError as the source does.
void restore_exact_bases(Adapter& adapter, const model::WeightSource& source);

}  // namespace peftlab::lab
