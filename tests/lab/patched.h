// One point of a tiny model with its patch, and adapters that are written and read again.
#pragma once

#include <gtest/gtest.h>

#include "peftlab/low_rank.h"
#include "tests/support/read_again.h"
#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab::test {

inline torch::Tensor logits(model::Decoder& decoder) {
  const torch::NoGradGuard no_grad;
  return decoder.logits(decoder.hidden(model::make_batch(sharing_sequences(2, 5), false)));
}

inline void expect_equal(const torch::Tensor& got, const torch::Tensor& expected, double allowed = 1e-11) {
  EXPECT_LT(difference(got, expected), allowed * (1.0 + magnitude(expected)));
}

/// One point of a float64 toy.
struct Patched {
  Toy toy;
  const FrozenLinear* base = nullptr;
  std::shared_ptr<WeightPatch> patch;
  torch::Tensor x;  // (5, in)

  /// The first matrix that is filled.
  explicit Patched(const std::string& options, const std::string& model = "models/llama")
      : toy(options, torch::kFloat64, 1, model) {
    for (const auto& point : toy.method().filled()) {
      if (patch == nullptr) patch = std::dynamic_pointer_cast<WeightPatch>(point.patch);
      for (const auto& slot : toy.decoder->weights().linears()) {
        if (patch != nullptr && base == nullptr && slot.base.name() == point.name) base = &slot.base;
      }
    }
    if (base != nullptr) x = torch::randn({5, base->in()}, torch::kFloat64);
  }
  torch::Tensor output() const { return patch->forward(*base, x); }
  torch::Tensor tensor(const std::string& name) const { return patch->named_parameters()[name]; }
  torch::Tensor bias() const {
    return base->bias().defined() ? base->bias() : torch::zeros({base->out()}, torch::kFloat64);
  }
};

}  // namespace peftlab::test
