#include "core/kernels/dequantize.h"

#include <torch/types.h>

#include "core/kernels/parallel.h"

namespace peftlab::kernels {

namespace {

constexpr int64_t kDecodedForAThread = 1 << 15;

quant::Rounding rounding_of(torch::ScalarType type) {
  return type == torch::kBFloat16 ? quant::Rounding::kBfloat16
         : type == torch::kHalf   ? quant::Rounding::kFloat16
                                  : quant::Rounding::kFloat32;
}

quant::Scales scales_of(const QuantizedTensors& t) {
  quant::Scales scales;
  if (!t.is_double()) {
    scales.absmax = t.absmax.const_data_ptr<float>();
    return scales;
  }
  scales.codes = t.absmax.const_data_ptr<uint8_t>();
  scales.map = t.map.const_data_ptr<float>();
  scales.absmax2 = t.absmax2.const_data_ptr<float>();
  scales.offset = t.offset;
  return scales;
}

template <typename T>
void decode_all(const QuantizedTensors& t, T* to) {
  const auto scales = scales_of(t);
  const auto rounding = rounding_of(t.source_type);
  const auto* packed = t.packed.const_data_ptr<uint8_t>();
  const int64_t n = t.num_elements();
  parallel_for(0, t.format.num_blocks(n), 1 + kDecodedForAThread / t.format.block_size,
               [&](int64_t first, int64_t last) {
                 quant::decode(t.format, scales, rounding, packed, n, first, last, to + first * t.format.block_size);
               });
}

}  // namespace

void dequantize_blocks(const QuantizedTensors& tensors, int64_t first, int64_t last, float* to) {
  quant::decode(tensors.format, scales_of(tensors), rounding_of(tensors.source_type),
                tensors.packed.const_data_ptr<uint8_t>(), tensors.num_elements(), first, last, to);
}

void dequantize_into(const QuantizedTensors& tensors, const torch::Tensor& to) {
  TORCH_CHECK(to.is_contiguous() && to.numel() == tensors.num_elements(), "dequantize_into: a matrix of ", tensors.out,
              " x ", tensors.in, " does not fit ", to.sizes());
  if (!tensors.packed.device().is_cpu()) {
    to.copy_(slow::dequantized(tensors, to.scalar_type()).view(to.sizes()));
    return;
  }
  switch (to.scalar_type()) {
    case torch::kFloat32:
      return decode_all(tensors, static_cast<float*>(to.mutable_data_ptr()));
    case torch::kFloat64:
      return decode_all(tensors, static_cast<double*>(to.mutable_data_ptr()));
    case torch::kBFloat16:
      return decode_all(tensors, static_cast<uint16_t*>(to.mutable_data_ptr()));
    default:
      to.copy_(slow::dequantized(tensors, to.scalar_type()).view(to.sizes()));
  }
}

torch::Tensor dequantized(const QuantizedTensors& tensors, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  auto weight = torch::empty({tensors.out, tensors.in}, torch::TensorOptions(tensors.packed.device()).dtype(type));
  if (!weight.is_meta()) dequantize_into(tensors, weight);
  return weight;
}

torch::Tensor slow::dequantized(const QuantizedTensors& t, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const auto device = t.packed.device();
  const int64_t n = t.num_elements();
  const auto table = torch::tensor(at::ArrayRef<float>(quant::codes(t.format.type).data(), 16)).to(device);
  const auto nibbles = torch::stack({at::bitwise_right_shift(t.packed, 4), at::bitwise_and(t.packed, 15)}, /*dim=*/1);
  const auto values = table.index_select(0, nibbles.flatten().narrow(0, 0, n).to(torch::kInt64));
  auto absmax = t.absmax;
  if (t.is_double()) {
    const auto coarse = t.absmax2.repeat_interleave(256).narrow(0, 0, absmax.numel());
    absmax = t.map.index_select(0, absmax.to(torch::kInt64)) * coarse + t.offset;
  }
  const auto scaled = values * absmax.repeat_interleave(t.format.block_size).narrow(0, 0, n);
  return scaled.to(t.source_type).to(type).view({t.out, t.in});
}

}  // namespace peftlab::kernels
