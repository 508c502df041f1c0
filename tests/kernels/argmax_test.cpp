#include "core/kernels/argmax.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

TEST(ArgmaxRows, EqualsLibtorchs) {
  torch::manual_seed(1);
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat64}) {
    for (const int64_t width : {1, 31, 32, 33, 5000}) {
      const auto logits = torch::randn({7, width}).to(type);
      EXPECT_TRUE(argmax_rows(logits).equal(logits.argmax(-1))) << type << " " << width;
    }
  }
}

TEST(ArgmaxRows, TakesTheFirstOfEqualsAndReadsRowsThatLieApart) {
  const float none = -std::numeric_limits<float>::infinity();
  const auto wide = torch::tensor(std::vector<float>{0, 2, 2, 9, none, none, none, 9, -3, -1, -1, 9}).view({3, 4});
  EXPECT_TRUE(argmax_rows(wide.slice(1, 0, 3)).equal(torch::tensor({1, 0, 1}, torch::kInt64)));
}

TEST(ArgmaxRows, RefusesRowsWithoutNumbers) {
  EXPECT_THAT(test::message_of([] { argmax_rows(torch::zeros({2, 0})); }), testing::HasSubstr("V >= 1"));
}

}  // namespace
}  // namespace peftlab::kernels
