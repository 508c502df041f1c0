// Optional tensors as arguments of autograd functions, which take no undefined ones.
#pragma once

#include <ATen/ops/empty.h>

namespace peftlab::kernels {

/// x, or a tensor without elements in its place, so that the arguments behind it keep their numbers.
inline at::Tensor stand_in(const at::Tensor& x) { return x.defined() ? x : at::empty({0}); }

/// The inverse: undefined for a tensor without elements. REQUIRES: a present x has elements.
inline at::Tensor given(const at::Tensor& x) { return x.defined() && x.numel() == 0 ? at::Tensor() : x; }

}  // namespace peftlab::kernels
