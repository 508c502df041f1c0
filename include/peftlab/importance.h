// What a trained number is worth to the loss, averaged over steps.
#pragma once

#include <torch/types.h>

#include <vector>

namespace peftlab {

/// How fast the averages forget, both in (0, 1).
struct ImportanceDecay {
  double mean;    // beta 1
  double spread;  // beta 2
};

/// A trained tensor and the averages of its importance, all of one shape, type and device.
struct Watched {
  torch::Tensor value, mean, spread;
};

/// Adds the present importance of each number p of `all` to its averages (Zhang et al., 2023,
/// https://arxiv.org/abs/2303.10512, equations 8 to 10), in place:
///   I = |p dL/dp|,  mean <- b1 mean + (1 - b1) I,  spread <- b2 spread + (1 - b2) |I - mean|
/// What has no gradient is left as it is. To be called without grad mode.
void observe_importance(const std::vector<Watched>& all, const ImportanceDecay& decay);

}  // namespace peftlab
