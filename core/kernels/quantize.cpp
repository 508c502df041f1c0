// Quantises a matrix and measures what that cost.
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/dequantize.h"
#include "core/kernels/loops/error_loops.h"
#include "core/kernels/loops/tile_rows.h"
#include "core/kernels/parallel.h"
#include "core/kernels/quantized_storage.h"
#include "core/kernels/types.h"
#include "core/quant/four_bit.h"
#include "core/quant/scales.h"
#include "peftlab/error.h"

namespace peftlab::kernels {

namespace {

constexpr int64_t kStretch = 4096;  // elements that are worked on together: whole blocks, whatever their size
constexpr int64_t kStretchesForAThread = 5;
constexpr int64_t kScaleBlocksForAThread = 8;

static_assert(kStretch % quant::kLargestBlock == 0);

torch::Tensor floats(int64_t n) { return torch::empty({n}, torch::kFloat32); }
torch::Tensor bytes(int64_t n) { return torch::empty({n}, torch::kUInt8); }

/// A stretch of a matrix's elements in float32, and the blocks they are in.
struct Stretch {
  int64_t index;
  const float* values;
  int64_t count;
  int64_t first_block, last_block;
};

int64_t num_stretches(int64_t n) { return (n + kStretch - 1) / kStretch; }

/// Calls f(stretch) for all of x (n), float32 or bfloat16, by several threads. A stretch at a time is made float32, so
/// that it is read from main memory but once.
template <typename F>
void for_stretches(const torch::Tensor& x, const quant::FourBitFormat& format, F&& f) {
  const int64_t n = x.numel();
  parallel_for(0, num_stretches(n), kStretchesForAThread, [&](int64_t first, int64_t last) {
    std::vector<float> wide(x.scalar_type() == torch::kBFloat16 ? kStretch : 0);
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i * kStretch, count = std::min(kStretch, n - begin);
      const float* values = wide.data();
      if (wide.empty()) {
        values = elements<float>(x) + begin;
      } else {
        loops::load_rows(/*rows=*/1, count, elements<loops::Bfloat16>(x) + begin, count, /*scale=*/1.0f, wide.data(),
                         count);
      }
      f(Stretch{i, values, count, begin / format.block_size, format.num_blocks(begin + count)});
    }
  });
}

/// x (n) -> packed and plain scales.
void encode_all(const torch::Tensor& x, const QuantizationOptions& options, QuantizedTensors& t) {
  const auto rules = options.cpu_rules ? quant::Rules::kCpu : quant::Rules::kCuda;
  const int64_t n = x.numel();
  t.packed = bytes(quant::packed_bytes(n));
  t.absmax = floats(t.format.num_blocks(n));
  auto* packed = t.packed.mutable_data_ptr<uint8_t>();
  auto* absmax = t.absmax.mutable_data_ptr<float>();
  for_stretches(x, t.format, [&](const Stretch& s) {
    quant::encode(t.format, rules, s.values, n, s.first_block, s.last_block, packed, absmax);
  });
  if (!at::isfinite(t.absmax).all().item<bool>()) {
    throw ConfigError("the matrix has values that are not finite, which no scale holds");
  }
}

void quantize_scales(QuantizedTensors& t) {
  const int64_t blocks = t.absmax.numel();
  t.offset = t.absmax.mean().item<float>();  // by libtorch, so that it is bitsandbytes' to the last bit
  auto codes = bytes(blocks);
  t.absmax2 = floats((blocks + quant::kScaleBlock - 1) / quant::kScaleBlock);
  const auto* scales = t.absmax.const_data_ptr<float>();
  auto* code = codes.mutable_data_ptr<uint8_t>();
  auto* scales2 = t.absmax2.mutable_data_ptr<float>();
  parallel_for(0, t.absmax2.numel(), kScaleBlocksForAThread, [&](int64_t first, int64_t last) {
    const int64_t begin = first * quant::kScaleBlock, end = std::min(last * quant::kScaleBlock, blocks);
    quant::encode_scales(scales + begin, end - begin, t.offset, code + begin, scales2 + first);
  });
  t.absmax = codes;
  t.map = shared_scale_map();
}

/// Stretches have one length whatever the number of threads, so that the sums do not depend on it.
QuantizationError error_of(const torch::Tensor& x, const QuantizedTensors& t) {
  const int64_t n = x.numel();
  std::vector<loops::ErrorSums> parts(static_cast<size_t>(num_stretches(n)));
  for_stretches(x, t.format, [&](const Stretch& s) {
    float decoded[kStretch];
    dequantize_blocks(t, s.first_block, s.last_block, decoded);
    parts[static_cast<size_t>(s.index)] = loops::error_sums(s.values, decoded, s.count);
  });
  loops::ErrorSums all;
  for (const auto& part : parts) {
    all.squared_errors += part.squared_errors;
    all.values += part.values;
    all.squares += part.squares;
  }
  const double deviations = n > 0 ? std::max(0.0, all.squares - all.values * all.values / static_cast<double>(n)) : 0.0;
  return {all.squared_errors, deviations, n};
}

/// The type bitsandbytes would know the matrix by; it has none for float64.
torch::ScalarType source_type_of(torch::ScalarType type) {
  return type == torch::kBFloat16 || type == torch::kHalf ? type : torch::kFloat32;
}

}  // namespace

const torch::Tensor& shared_scale_map() {
  static const auto map = torch::tensor(at::ArrayRef<float>(quant::dynamic_map().data(), quant::dynamic_map().size()));
  return map;
}

void check_quantization(const QuantizationOptions& options) {
  if (options.type != "nf4" && options.type != "fp4") {
    throw ConfigError("type: four-bit storage is 'nf4' or 'fp4', got '" + options.type + "'");
  }
  if (!quant::is_block_size(options.block_size)) {
    throw ConfigError("block_size: expected a power of two from " + std::to_string(quant::kLeastBlock) + " to " +
                      std::to_string(quant::kLargestBlock) + ", got " + std::to_string(options.block_size));
  }
}

std::shared_ptr<QuantizedStorage> quantized_storage(const torch::Tensor& weight, const QuantizationOptions& options,
                                                    std::optional<torch::ScalarType> type) {
  TORCH_CHECK(weight.dim() == 2 && weight.is_floating_point(),
              "a matrix to quantise is (out, in) of a floating type, got ", weight.sizes(), " ", weight.scalar_type());
  check_quantization(options);
  const torch::NoGradGuard no_grad;
  const bool is_bfloat16 = weight.scalar_type() == torch::kBFloat16;
  const auto x =
      weight.detach().to(torch::kCPU, is_bfloat16 ? torch::kBFloat16 : torch::kFloat32).contiguous().flatten();
  QuantizedTensors t;
  t.format = {options.type == "nf4" ? quant::FourBit::kNf4 : quant::FourBit::kFp4, options.block_size};
  t.source_type = source_type_of(weight.scalar_type());
  t.cpu_rules = options.cpu_rules;
  t.out = weight.size(0);
  t.in = weight.size(1);
  encode_all(x, options, t);
  if (options.double_quantization) quantize_scales(t);
  const auto error = error_of(x, t);
  const auto used = type.value_or(weight.scalar_type());
  // A float64 model is there to check others against: nothing in it is rounded on the way.
  const auto product = used == torch::kFloat64 ? used : options.compute_type.value_or(used);
  return QuantizedStorage(std::move(t), used, product, error).to(weight.device());
}

}  // namespace peftlab::kernels

namespace peftlab {

std::shared_ptr<const WeightStorage> quantized(const torch::Tensor& weight, const QuantizationOptions& options) {
  return kernels::quantized_storage(weight, options);
}

}  // namespace peftlab
