#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/kernels/loops/attention_plan.h"
#include "core/kernels/loops/bfloat16.h"
#include "core/kernels/loops/exponential.h"
#include "core/kernels/loops/tile_product.h"
#include "tests/support/tolerance.h"

namespace peftlab::kernels::loops {
namespace {

TEST(Exponential, LiesWithinTwoUnits) {
  for (float x = -87.29f; x < 88.0f; x += 0.00137f) {
    const double exact = std::exp(static_cast<double>(x));
    const double unit = std::ldexp(1.0, std::ilogb(exact) - 23);
    ASSERT_LE(std::abs(exponential(x) - exact), 2 * unit) << x;
  }
}

TEST(Exponential, KeepsItsEnds) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exponential(0.0f), 1.0f);
  EXPECT_EQ(exponential(-infinity), 0.0f);
  EXPECT_EQ(exponential(-1000.0f), 0.0f);
  EXPECT_EQ(exponential(1000.0f), infinity);
  EXPECT_EQ(exponential(infinity), infinity);
  EXPECT_TRUE(std::isnan(exponential(std::nanf(""))));
}

TEST(Bfloat16, RoundsAsLibtorchDoes) {
  // Every upper half, with lower halves below, at and above the middle.
  for (uint32_t upper = 0; upper < 65536; ++upper) {
    for (const uint32_t lower : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      const float x = std::bit_cast<float>(upper << 16 | lower);
      const c10::BFloat16 expected(x);
      if (std::isnan(x)) {
        ASSERT_TRUE(std::isnan(to_float(Bfloat16{rounded_bits(x)})));
      } else {
        ASSERT_EQ(rounded_bits(x), expected.x) << x;
      }
    }
  }
}

template <typename T>
void expect_libtorchs_product(torch::ScalarType type) {
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{{1, 16, 1}, {6, 64, 5}, {7, 80, 64}, {22, 208, 33}, {4, 48, 0}}) {
    for (const bool transposed : {false, true}) {
      for (const bool add : {false, true}) {
        const auto a = torch::randn({m, k}), start = torch::randn({m, n}), b = torch::randn({k, n + 16}).to(type);
        const auto stored = transposed ? a.t().contiguous() : a;
        const auto c = start.clone();
        tile_product(m, n, k, {static_cast<const float*>(stored.const_data_ptr()), transposed ? 1 : k, transposed ? m : 1},
                     static_cast<const T*>(b.const_data_ptr()), n + 16, static_cast<float*>(c.mutable_data_ptr()), n, add);
        const auto expected = a.matmul(b.to(torch::kFloat32).slice(1, 0, n)) + (add ? start : torch::zeros_like(start));
        test::expect_close(c, expected, test::tolerance(torch::kFloat32, std::max(1.0, test::magnitude(expected)), k + 1), "c");
      }
    }
  }
}

TEST(TileProduct, EqualsLibtorchs) {
  torch::manual_seed(1);
  expect_libtorchs_product<float>(torch::kFloat32);
  expect_libtorchs_product<Bfloat16>(torch::kBFloat16);
}

TEST(ShareOut, GivesAllWorkOnceAndEvenly) {
  AttentionPlan plan;
  plan.shape = {9, 3, 64};
  int64_t row = 0;
  for (const int64_t size : {117, 61, 75, 70, 0, 300}) {
    plan.paths.push_back({{{false, row, size}}, 0, -1, row});
    row += size;
  }
  plan.num_rows = row;
  plan.first_seen.assign(row, 0);
  for (size_t i = 0; i < plan.paths.size(); ++i) add_blocks(plan, static_cast<int64_t>(i));
  for (const int64_t count : {1, 2, 5, 100}) {
    std::vector<int> seen(3 * row, 0);
    const auto shares = share_out(plan, count);
    ASSERT_EQ(static_cast<int64_t>(shares.size()), count);
    size_t most = 0, all = 0;
    for (const auto& share : shares) {
      most = std::max(most, share.size());
      all += share.size();
      for (const auto& work : share) {
        for (int64_t i = work.block->begin; i < work.block->end; ++i) ++seen[work.head * row + i];
      }
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 3 * row);
    if (count == 2) {
      EXPECT_LT(most, 2 * all / 3);
    }
  }
}

}  // namespace
}  // namespace peftlab::kernels::loops
