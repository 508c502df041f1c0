// Matrices in four bits: encoding, decoding, and what decoding adds to a product.
#include "bench/kernels/shapes.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/quantized_storage.h"

namespace peftlab::bench {
namespace {

/// The size that bitsandbytes' own rates are taken at.
constexpr int64_t kSquare = 2048;

void rate(benchmark::State& state, int64_t elements) {
  state.counters["elements"] =
      benchmark::Counter(static_cast<double>(elements), benchmark::Counter::kIsIterationInvariantRate);
}

std::shared_ptr<kernels::QuantizedStorage> packed(int64_t out, int64_t in, torch::ScalarType type,
                                                  bool is_double = true) {
  QuantizationOptions options;
  options.double_quantization = is_double;
  return kernels::quantized_storage(random({out, in}, type), options);
}

/// With the measurement of the error, as loading does it.
void four_bit_encode(benchmark::State& state, torch::ScalarType type) {
  const auto weight = random({kSquare, kSquare}, type);
  for (auto _ : state) benchmark::DoNotOptimize(kernels::quantized_storage(weight, {}));
  rate(state, weight.numel());
}

void four_bit_decode(benchmark::State& state, bool fast, bool is_double, torch::ScalarType type) {
  const auto storage = packed(kSquare, kSquare, type, is_double);
  const auto to = torch::empty({kSquare, kSquare}, type);
  for (auto _ : state) {
    if (fast)
      kernels::dequantize_into(storage->tensors(), to);
    else
      benchmark::DoNotOptimize(kernels::slow::dequantized(storage->tensors(), type));
    benchmark::ClobberMemory();
  }
  rate(state, to.numel());
}

/// Against the vendor's product with the matrix as it was.
void four_bit_product(benchmark::State& state, bool is_packed, int64_t rows) {
  const auto type = torch::kBFloat16;
  const auto storage = packed(kMlpWidth, kWidth, type);
  const DenseStorage dense(storage->dense());
  const auto x = random({rows, kWidth}, type);
  const double seconds = timed(state, [&] { benchmark::DoNotOptimize(is_packed ? storage->multiply(x) : dense.multiply(x)); });
  show_work(state, {type, 2.0 * static_cast<double>(rows * kMlpWidth * kWidth)}, seconds);
}

BENCHMARK_CAPTURE(four_bit_encode, f32, torch::kFloat32)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_encode, bf16, torch::kBFloat16)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_decode, twin_bf16, false, true, torch::kBFloat16)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_decode, fast_bf16, true, true, torch::kBFloat16)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_decode, fast_bf16_plain_scales, true, false, torch::kBFloat16)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_decode, fast_f32, true, true, torch::kFloat32)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_product, dense_64_rows, false, 64)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_product, packed_64_rows, true, 64)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_product, dense_512_rows, false, 512)->UseRealTime();
BENCHMARK_CAPTURE(four_bit_product, packed_512_rows, true, 512)->UseRealTime();

}  // namespace
}  // namespace peftlab::bench
