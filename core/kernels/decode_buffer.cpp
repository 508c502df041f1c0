#include "core/kernels/decode_buffer.h"

#include <torch/types.h>

#include <map>

#include "core/kernels/dequantize.h"

namespace peftlab::kernels {

namespace {

struct Buffers {
  std::mutex mutex;
  std::map<std::string, torch::Tensor> of_device;  // bytes
};

/// Never destroyed: a device's runtime may be gone by then.
Buffers& buffers() {
  static auto* all = new Buffers;
  return *all;
}

}  // namespace

DecodeBuffer::DecodeBuffer(const QuantizedTensors& tensors, torch::ScalarType type) : lock_(buffers().mutex) {
  const auto device = tensors.packed.device();
  const auto needed = tensors.num_elements() * static_cast<int64_t>(c10::elementSize(type));
  auto& buffer = buffers().of_device[device.str()];
  if (!buffer.defined() || buffer.numel() < needed) {
    buffer.reset();  // not both at a time
    buffer = torch::empty({needed}, torch::TensorOptions(device).dtype(torch::kUInt8));
  }
  weight_ = buffer.narrow(0, 0, needed).view(type).view({tensors.out, tensors.in});
  dequantize_into(tensors, weight_);
}

int64_t DecodeBuffer::bytes(torch::Device device) {
  const std::unique_lock lock(buffers().mutex);
  const auto& buffer = buffers().of_device[device.str()];
  return buffer.defined() ? buffer.numel() : 0;
}

}  // namespace peftlab::kernels
