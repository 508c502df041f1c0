#include "core/cli/tensor_memory.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab::cli {
namespace {

torch::Tensor bytes(int64_t count) { return torch::empty({count}, torch::kUInt8); }

TEST(TensorMemory, IsUsedAgainForTheSameSize) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory";
#endif
  take_tensors_from_malloc();
  constexpr int64_t kBytes = 100'000;  // between neighbours that stay, so that the hole is as large as what was freed
  const auto before = bytes(kBytes);
  auto tensor = bytes(kBytes);
  const auto after = bytes(kBytes);
  const void* place = tensor.const_data_ptr();
  tensor.reset();
  const auto next = bytes(kBytes);
  EXPECT_EQ(next.const_data_ptr(), place);
}

TEST(TensorMemory, BeginsOnACacheLine) {
  take_tensors_from_malloc();
  for (const int64_t count : {1, 8, 63, 64, 1000, 300'000}) {
    const auto tensor = bytes(count).fill_(7);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % 64, 0U) << count;
    EXPECT_EQ(tensor.sum().item<int64_t>(), 7 * count);
  }
  EXPECT_EQ(bytes(0).numel(), 0);
}

TEST(TensorMemory, TooLittleIsAnError) {
  take_tensors_from_malloc();
  EXPECT_THROW(bytes(int64_t{1} << 60), c10::Error);
}

}  // namespace
}  // namespace peftlab::cli
