#include "core/model/slots.h"

namespace peftlab::model {

torch::Tensor LinearSlot::operator()(const torch::Tensor& x) const {
  if (active()) return patch->forward(base, x);
  const bool trained = weight->active() || (bias != nullptr && bias->active());
  if (!trained) return base(x);
  if (!weight->active()) return frozen_linear(x, base.storage(), /*bias=*/{}) + (*bias)();
  return at::linear(x, turned((*weight)()), bias != nullptr ? (*bias)() : torch::Tensor());
}

}  // namespace peftlab::model
