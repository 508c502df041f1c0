// Where packed matrices are decoded for a product: one buffer a device, as large as the largest matrix, shared by all.
#pragma once

#include <mutex>

#include "core/kernels/quantized_storage.h"

namespace peftlab::kernels {

/// Holds the device's buffer, with one matrix in it, while it lives; other threads wait. One at a time in a thread.
class DecodeBuffer {
 public:
  DecodeBuffer(const QuantizedTensors& tensors, torch::ScalarType type);
  DecodeBuffer(const DecodeBuffer&) = delete;
  DecodeBuffer& operator=(const DecodeBuffer&) = delete;

  /// (out, in); valid as long as this lives.
  const torch::Tensor& weight() const { return weight_; }

  /// Bytes of the device's buffer.
  static int64_t bytes(torch::Device device);

 private:
  std::unique_lock<std::mutex> lock_;
  torch::Tensor weight_;
};

}  // namespace peftlab::kernels
