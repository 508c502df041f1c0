// What the factors of a low-rank update start from.
#pragma once

#include <string>

#include "peftlab/low_rank.h"
#include "peftlab/options.h"
#include "peftlab/points.h"

namespace peftlab {

/// The option `init`, PEFT's init_lora_weights:
///
///   true               A uniform within 1 / sqrt(in), B = 0
///   "gaussian"         A ~ N(0, 1 / rank^2), B = 0
///   "pissa"            A0 = sqrt(S_r / s) V_r', B0 = U_r sqrt(S_r / s) of W = U S V'
///                      (Meng et al., 2024, https://arxiv.org/abs/2404.02948, equations 2 to 4)
///   "pissa_niter_N"    the same with U_r, S_r, V_r from N rounds of subspace iteration
///   "olora"            A0 = R_r, B0 = Q_r of W = Q R
///                      (Büyükakyüz, 2024, https://arxiv.org/abs/2406.01775, section 3)
///   false or "random"  A and B uniform: not the base model
///
/// PEFT takes s B0 A0 from the base's weight for "pissa" and "olora". Here the base stays as it is and the patch counts
/// its update from B0 A0 on, which computes the same.
class LowRankStart {
 public:
  explicit LowRankStart(Options& options);

  /// A and B for one matrix in the trainable type, with B's bias on request (uniform where B is), and B0 A0 for a
  /// decomposition, which is made again for an adapter that is `loaded`; then everything else is zero and nothing is
  /// drawn, and "pissa_niter_N", which was, is a ConfigError.
  /// `turned`: A and B are of the transposed matrix.
  LowRankTensors tensors(const InjectionPoints& points, const FrozenLinear& base, int64_t rank, double scale, bool bias,
                         bool loaded, bool turned = false) const;
  /// The embedding table's: A = 0 and B normal, as PEFT has it. Throws ConfigError for a decomposition.
  std::pair<torch::Tensor, torch::Tensor> table(const InjectionPoints& points, const std::string& module, int64_t rank,
                                                bool loaded) const;

  /// Whether A and B start from a decomposition of W.
  bool decomposes() const { return kind_ == Kind::kPissa || kind_ == Kind::kOlora; }
  /// The value of init_lora_weights.
  Value peft_value() const;

 private:
  enum class Kind { kUniform, kGaussian, kRandom, kPissa, kOlora };
  void decompose(const InjectionPoints& points, const FrozenLinear& base, int64_t rank, double scale,
                 LowRankTensors& tensors) const;

  Kind kind_ = Kind::kUniform;
  int64_t num_iterations_ = -1;  // of "pissa_niter_N"; -1: the full decomposition
};

}  // namespace peftlab
