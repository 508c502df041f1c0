#include "core/kernels/loops/matrix_unit.h"

#include <gtest/gtest.h>

#include <array>

#include "core/kernels/loops/pairs.h"
#include "core/kernels/loops/tile_rows.h"
#include "tests/support/tolerance.h"

namespace peftlab::kernels::loops {
namespace {

const Bfloat16* elements(const torch::Tensor& x) { return static_cast<const Bfloat16*>(x.const_data_ptr()); }
Bfloat16* mutable_elements(const torch::Tensor& x) { return static_cast<Bfloat16*>(x.mutable_data_ptr()); }

/// x (k, n), k even, as pairs (k / 2, n, 2).
torch::Tensor paired(const torch::Tensor& x) {
  return x.view({x.size(0) / 2, 2, x.size(1)}).transpose(1, 2).contiguous();
}

torch::Tensor random(at::IntArrayRef sizes) { return torch::randn(sizes).to(torch::kBFloat16); }

TEST(Pairs, RowsLandTwoByTwoAndLeaveTheOthers) {
  torch::manual_seed(1);
  for (const int64_t width : {2, 16, 50}) {
    for (const auto& [first, count] :
         std::vector<std::array<int64_t, 2>>{{0, 8}, {0, 3}, {1, 1}, {1, 4}, {3, 5}, {2, 0}}) {
      const auto before = random({8, width}), from = torch::randn({8, width + 3});
      auto expected = before.clone();
      expected.narrow(0, first, count).copy_(from.narrow(0, 0, count).narrow(1, 0, width));
      const auto wide = paired(before), rounded = paired(before);
      pair_rows(first, count, width, static_cast<const float*>(from.const_data_ptr()), width + 3,
                mutable_elements(wide), 2 * width);
      EXPECT_TRUE(torch::equal(wide, paired(expected))) << width << ", " << count << " float32 rows from " << first;
      const auto half = from.to(torch::kBFloat16);
      pair_rows(first, count, width, elements(half), width + 3, mutable_elements(rounded), 2 * width);
      EXPECT_TRUE(torch::equal(rounded, paired(expected))) << width << ", " << count << " rows from " << first;
    }
  }
}

TEST(Pairs, ColumnsAreTheTurnedMatrix) {
  torch::manual_seed(2);
  for (const int64_t count : {1, 15, 16, 37}) {
    for (const int64_t width : {2, 30, 32, 70}) {
      const auto from = random({count, width + 4});
      const auto to = torch::zeros({width / 2, count + 5, 2}, torch::kBFloat16);
      pair_columns(count, width, elements(from), width + 4, mutable_elements(to), 2 * (count + 5));
      const auto expected = paired(from.narrow(1, 0, width).t().contiguous());
      EXPECT_TRUE(torch::equal(to.narrow(1, 0, count), expected)) << count << " x " << width;
      EXPECT_EQ(to.narrow(1, count, 5).count_nonzero().item<int64_t>(), 0) << count << " x " << width;
    }
  }
}

TEST(TileRows, AddsATurnedMatrix) {
  torch::manual_seed(3);
  for (const auto& [rows, width] : std::vector<std::array<int64_t, 2>>{{1, 1}, {16, 16}, {21, 64}, {40, 37}}) {
    const auto from = torch::randn({width, rows + 2}), before = torch::randn({rows, width + 3});
    const auto to = before.clone();
    add_turned(rows, width, static_cast<const float*>(from.const_data_ptr()), rows + 2,
               static_cast<float*>(to.mutable_data_ptr()), width + 3);
    auto expected = before.clone();
    expected.narrow(1, 0, width).add_(from.narrow(1, 0, rows).t());
    EXPECT_TRUE(torch::equal(to, expected)) << rows << " x " << width;
  }
}

TEST(MatrixUnit, MultipliesAsFloat64Does) {
  if (!has_matrix_unit()) GTEST_SKIP() << "this processor has no matrix unit, or the system keeps it";
  torch::manual_seed(4);
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{{16, 16, 32},
                                                                   {32, 32, 64},
                                                                   {48, 80, 32},
                                                                   {96, 208, 96},
                                                                   {16, 48, 320},
                                                                   {16, 144, 64},
                                                                   {144, 16, 64},
                                                                   {80, 48, 32}}) {
    for (const bool add : {false, true}) {
      const auto a = random({m, k + 8}), b = random({k, n}), start = torch::randn({m, n + 16});
      const auto pairs = paired(b), c = start.clone();
      {
        const MatrixUnit unit;
        unit_product(m, n, k, elements(a), k + 8, {elements(pairs), 2 * n}, static_cast<float*>(c.mutable_data_ptr()),
                     n + 16, add);
      }
      const auto exact = a.narrow(1, 0, k).to(torch::kFloat64).mm(b.to(torch::kFloat64));
      auto expected = start.to(torch::kFloat64);
      expected.narrow(1, 0, n).copy_(add ? expected.narrow(1, 0, n) + exact : exact);
      test::expect_close(c, expected, test::tolerance(torch::kFloat32, test::magnitude(expected), k + 1), "c");
    }
  }
}

TEST(MatrixUnit, IsAwayWhileSwitchedOff) {
  const bool before = has_matrix_unit();
  {
    const MatrixUnitOff off;
    EXPECT_FALSE(has_matrix_unit());
  }
  EXPECT_EQ(has_matrix_unit(), before);
}

}  // namespace
}  // namespace peftlab::kernels::loops
