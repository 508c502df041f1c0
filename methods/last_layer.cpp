// Last layer: the last block alone is trained, on request with the final norm and the output head behind it. A baseline that
// needs no backward pass through the other blocks (as in Yosinski et al., 2014, https://arxiv.org/abs/1411.1792).
//
//   W <- W + dW for every W of the last block, on float32 copies of the base's tensors
//
// The copies start as the base's tensors, so the model equals the base model before the first step.

#include "peftlab/method.h"

namespace {

class LastLayer final : public peftlab::Method {
 public:
  explicit LastLayer(peftlab::Options& options)
      : head_(options.flag("head", false, "train the final norm and the output head too; a tied head is the embedding table")) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    const int64_t last = points.shape().num_layers - 1;
    const auto table = points.shape().embedding + ".weight";
    bool behind = false;  // The model's order is that of its forward pass: what follows the last block is norm and head.
    peftlab::Targets every;
    every.regex = ".*";
    for (const auto* parameter : points.parameters(every)) {
      behind = behind || parameter->layer() == last;
      const bool in_head = behind || (points.shape().tied_head && parameter->name() == table);
      if (parameter->layer() != last && !(head_ && in_head)) continue;
      points.fill_parameter(*parameter, std::make_shared<peftlab::ParameterPatch>(*parameter));
    }
  }

 private:
  bool head_;
};

}  // namespace

PEFTLAB_METHOD(LastLayer, "last_layer", "the last block alone", "https://arxiv.org/abs/1411.1792", true, nullptr)
