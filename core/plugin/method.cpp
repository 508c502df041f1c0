// What a method does that says nothing else (include/peftlab/method.h).
#include "peftlab/method.h"

namespace peftlab {

void Method::begin(const TrainingPlan&) {}

torch::Tensor Method::penalty() { return {}; }

void Method::after_step(int64_t) {}

GroupRule Method::group(const std::string&, const torch::Tensor& tensor) const {
  return {.learning_rate_factor = 1.0, .decay = tensor.dim() >= 2};
}

std::optional<Fields> Method::peft_config() const { return std::nullopt; }

Tensors Method::to_peft(Tensors named) const { return named; }

Tensors Method::from_peft(Tensors saved) const { return saved; }

Report Method::report() const { return {}; }

}  // namespace peftlab
