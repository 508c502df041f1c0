// Full fine-tuning: every tensor of the model is trained. The baseline that parameter-efficient methods are measured against.
//
//   W <- W + dW for every W, on float32 copies of the base's tensors
//
// The copies start as the base's tensors, so the model equals the base model before the first step.

#include "peftlab/method.h"

namespace {

class Full final : public peftlab::Method {
 public:
  explicit Full(peftlab::Options&) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    peftlab::Targets every;
    every.regex = ".*";
    for (const auto* parameter : points.parameters(every)) {
      points.fill_parameter(*parameter, std::make_shared<peftlab::ParameterPatch>(*parameter));
    }
  }
};

}  // namespace

PEFTLAB_METHOD(Full, "full", "every tensor of the model", "baseline", true, nullptr)
