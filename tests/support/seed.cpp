// libtorch seeds its default generator from the system: every test begins with a seed of its own choosing instead.
#include <ATen/Context.h>
#include <gtest/gtest.h>

namespace {

constexpr uint64_t kTestSeed = 20;

class SeedEachTest : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { at::manual_seed(kTestSeed); }
};

[[maybe_unused]] const bool kRegistered = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SeedEachTest);
  return true;
}();

}  // namespace
