// A frozen matrix as autograd keeps it: by its handle, so that a packed one is never kept unpacked.
#pragma once

#include <ATen/core/ivalue.h>
#include <torch/custom_class.h>

#include <memory>
#include <utility>

#include "peftlab/storage.h"

namespace peftlab::kernels {

struct StorageHandle : torch::CustomClassHolder {
  explicit StorageHandle(std::shared_ptr<const WeightStorage> weight) : storage(std::move(weight)) {}
  std::shared_ptr<const WeightStorage> storage;
};

inline c10::IValue keep(std::shared_ptr<const WeightStorage> storage) {
  return c10::IValue::make_capsule(c10::make_intrusive<StorageHandle>(std::move(storage)));
}

inline const WeightStorage& kept(const c10::IValue& value) {
  return *c10::static_intrusive_pointer_cast<StorageHandle>(value.toCapsule())->storage;
}

/// (..., n) as (rows, n).
inline torch::Tensor as_rows(const torch::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

/// (rows, n) in the leading shape of `like`.
inline torch::Tensor as_shape_of(const torch::Tensor& rows, at::IntArrayRef like) {
  auto sizes = like.vec();
  sizes.back() = rows.size(-1);
  return rows.reshape(sizes);
}

}  // namespace peftlab::kernels
