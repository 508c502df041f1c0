#include "peftlab/orthogonality.h"

#include <gmock/gmock.h>

#include "tests/support/tolerance.h"

namespace peftlab {
namespace {

torch::Tensor distance(const torch::Tensor& p) { return (p.mm(p.t()) - torch::eye(p.size(0), p.options())).norm(); }

/// The same penalty by plain operations, in float64.
torch::Tensor plain(const std::vector<torch::Tensor>& matrices) {
  std::vector<torch::Tensor> norms;
  for (const auto& p : matrices) norms.push_back(distance(p));
  return torch::stack(norms).mean();
}

TEST(Orthogonality, IsTheMeanOfNormsWithItsGradient) {
  torch::manual_seed(1);
  const auto a = test::leaf(torch::randn({3, 5}, torch::kFloat64)),
             b = test::leaf(torch::randn({4, 2}, torch::kFloat64));
  EXPECT_NEAR(orthogonality({a}, {b}).item<double>(), plain({a, b.t()}).item<double>(), 1e-14);
  test::expect_differences([&] { return orthogonality({a}, {b}) * 3.0; }, {a, b});
}

TEST(Orthogonality, LoopsEqualPlainOperationsInFloat64) {
  torch::manual_seed(2);
  for (const int64_t rank : {1, 5, 12, 40}) {
    // Rows, columns that are kept as a method keeps them, and a matrix of another rank in the same penalty.
    const auto a = test::leaf(torch::randn({rank, 100})), b = test::leaf(torch::randn({70, rank})),
               c = test::leaf(torch::randn({3, 9}));
    const auto wide = [](const torch::Tensor& x) { return test::leaf(x.to(torch::kFloat64)); };
    const auto a64 = wide(a), b64 = wide(b), c64 = wide(c);
    const auto penalty = orthogonality({a, c}, {b}), expected = plain({a64, b64.t(), c64});
    SCOPED_TRACE("rank " + std::to_string(rank));
    test::expect_close(penalty, expected, test::tolerance(torch::kFloat32, test::magnitude(expected), 100, 4),
                       "the penalty");
    penalty.backward();
    expected.backward();
    for (const auto& [x, x64] : {std::pair(a, a64), std::pair(b, b64), std::pair(c, c64)}) {
      const double size = test::magnitude(x64.grad());
      test::expect_close(x.grad(), x64.grad(), test::tolerance(torch::kFloat32, size, 100, 4), "a gradient");
    }
  }
}

TEST(Orthogonality, ANormOfZeroHasNoGradient) {
  const auto even = test::leaf(torch::eye(3)), none = test::leaf(torch::zeros({0, 4}));
  const auto penalty = orthogonality({even, none}, {});
  penalty.backward();
  EXPECT_EQ(penalty.item<double>(), 0.0);
  EXPECT_EQ(even.grad().abs().max().item<double>(), 0.0);
  EXPECT_EQ(none.grad().sizes(), none.sizes());
}

TEST(Orthogonality, AsksForAMatrix) {
  EXPECT_THAT(test::message_of([] { orthogonality({}, {}); }), testing::HasSubstr("orthogonality: no matrix"));
}

}  // namespace
}  // namespace peftlab
