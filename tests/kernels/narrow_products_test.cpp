#include "core/kernels/narrow_products.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/kernels/loops/matrix_unit.h"
#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

struct Case {
  torch::ScalarType type;
  int64_t rows, n, rank;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t rows : {1, 5, 13}) {
      for (const int64_t n : {3, 16, 50, 96, 576}) {
        for (const int64_t rank : {0, 1, 3, 4, 8, 13, 32, 33}) all.push_back({type, rows, n, rank});
      }
    }
  }
  return all;
}

torch::Tensor random(at::IntArrayRef sizes, torch::ScalarType type) { return torch::randn(sizes, torch::kFloat64).to(type); }

/// a b + c in float64, c perhaps undefined; the tolerance follows the sizes of the terms, which may cancel out.
void expect_product(const torch::Tensor& got, torch::Tensor a, torch::Tensor b, torch::Tensor c, const Case& about) {
  a = a.to(torch::kFloat64);
  b = b.to(torch::kFloat64);
  c = c.defined() ? c.to(torch::kFloat64) : torch::zeros({}, torch::kFloat64);
  const double size = test::magnitude(a.abs().mm(b.abs()) + c.abs());
  SCOPED_TRACE(std::to_string(about.rows) + " rows of " + std::to_string(about.n) + ", rank " + std::to_string(about.rank));
  test::expect_close(got, a.mm(b) + c, test::tolerance(about.type, size, a.size(1) + 1, 3), "a product");
}

TEST(NarrowProducts, EqualWidePlainOnes) {
  for (const Case& c : cases()) {
    const auto x = random({c.rows, c.n}, c.type), w = random({c.rank, c.n}, torch::kFloat32);
    const auto u = random({c.rows, c.rank}, torch::kFloat32);
    expect_product(narrow_product(x, w), x, w.t(), {}, c);
    expect_product(narrow_gradient(u, x), u.t(), x, {}, c);
    const auto y = x.clone();
    add_narrow_product(y, u, w);
    ASSERT_EQ(y.scalar_type(), c.type);
    expect_product(y, u, w, x, c);
  }
}

TEST(NarrowProducts, SumInFloat32WhereTheLoopsApply) {
  const loops::MatrixUnitOff off;
  const auto x = random({7, 64}, torch::kBFloat16), w = random({8, 64}, torch::kFloat32);
  const auto u = narrow_product(x, w);
  ASSERT_EQ(u.scalar_type(), torch::kFloat32);
  expect_product(u, x, w.t(), {}, {torch::kFloat32, 7, 64, 8});
}

TEST(NarrowProducts, TakeColumnsOfAWiderTensor) {
  const auto all = random({9, 40}, torch::kFloat32), w = random({4, 17}, torch::kFloat32);
  const auto x = all.narrow(1, 11, 17), u = all.narrow(1, 30, 4);
  const auto wide = x.to(torch::kFloat64);
  const auto tolerance = test::tolerance(torch::kFloat32, 40.0, 17);
  test::expect_close(narrow_product(x, w), wide.mm(w.to(torch::kFloat64).t()), tolerance, "product");
  test::expect_close(narrow_gradient(u, x), u.to(torch::kFloat64).t().mm(wide), tolerance, "gradient");
  const auto y = torch::zeros({9, 40}), part = y.narrow(1, 5, 17);
  add_narrow_product(part, u, w);
  test::expect_close(part, u.to(torch::kFloat64).mm(w.to(torch::kFloat64)), tolerance, "update");
  EXPECT_EQ(y.count_nonzero().item<int64_t>(), 9 * 17);
}

TEST(NarrowProducts, AreWrittenIntoColumnsOfAnyType) {
  const auto x = random({11, 48}, torch::kBFloat16), w = random({4, 48}, torch::kFloat32);
  const auto u = narrow_product(x, w);
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat64}) {
    const auto all = torch::full({11, 9}, 7.0, type);
    narrow_product_into(x, w, all.narrow(1, 3, 4));
    EXPECT_TRUE(torch::equal(all.narrow(1, 3, 4), u.to(type))) << type;
    EXPECT_EQ((all == 7.0).sum().item<int64_t>(), 11 * 5) << type;
  }
}

void expect_same_bits_for_any_number_of_threads(int64_t n) {
  const auto x = random({203, n}, torch::kBFloat16), w = random({8, n}, torch::kFloat32);
  const auto u = random({203, 8}, torch::kFloat32);
  const int threads = at::get_num_threads();
  std::vector<torch::Tensor> found;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    const auto y = x.clone();
    add_narrow_product(y, u, w);
    found.push_back(torch::cat({narrow_product(x, w).flatten(), narrow_gradient(u, x).flatten(), y.flatten().to(torch::kFloat32)}));
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(found[0].equal(found[1]));
  EXPECT_TRUE(found[0].equal(found[2]));
}

TEST(NarrowProducts, GiveTheSameBitsForAnyNumberOfThreads) { expect_same_bits_for_any_number_of_threads(208); }

// Rows that the matrix unit takes.
TEST(NarrowProducts, GiveTheSameBitsForAnyNumberOfThreadsOnTheUnit) { expect_same_bits_for_any_number_of_threads(224); }

// Factors are two bfloat16 there, which hold 16 bits; what remains is at most half of the last.
TEST(NarrowProducts, KeepSixteenBitsOnTheUnit) {
  if (!loops::has_matrix_unit()) GTEST_SKIP() << "no matrix unit";
  for (const int64_t rows : {1, 16, 37, 300}) {
    for (const int64_t n : {32, 96, 576}) {
      for (const int64_t rank : {1, 8, 13, 32}) {
        const auto x = random({rows, n}, torch::kBFloat16), w = random({rank, n}, torch::kFloat32);
        const auto u = random({rows, rank}, torch::kFloat32);
        SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(n) + ", rank " + std::to_string(rank));
        const auto wide = x.to(torch::kFloat64);
        const auto allowed = [](const torch::Tensor& a, const torch::Tensor& b) {
          const double size = test::magnitude(a.abs().mm(b.abs()));
          return std::ldexp(size, -16) + test::tolerance(torch::kFloat32, size, a.size(1));
        };
        const auto w64 = w.to(torch::kFloat64).t(), u64 = u.to(torch::kFloat64).t();
        test::expect_close(narrow_product(x, w), wide.mm(w64), allowed(wide, w64), "product");
        test::expect_close(narrow_gradient(u, x), u64.mm(wide), allowed(u64, wide), "gradient");
      }
    }
  }
}

TEST(NarrowProducts, LeaveWhatIsNoNumberInItsRow) {
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto x = random({40, 64}, torch::kBFloat16), w = random({8, 64}, torch::kFloat32);
    x[17][5] = odd;
    const auto u = narrow_product(x, w);
    EXPECT_FALSE(u[17].isfinite().any().item<bool>());
    EXPECT_EQ(u.isfinite().sum().item<int64_t>(), 39 * 8);
    const auto y = x.clone();
    add_narrow_product(y, random({40, 8}, torch::kFloat32), w);
    EXPECT_EQ(y.isfinite().sum().item<int64_t>(), 40 * 64 - 1);
    EXPECT_EQ(y[17][5].isnan().item<bool>(), std::isnan(odd));
  }
}

TEST(NarrowProducts, TurnedIsTheTransposedByRows) {
  const auto w = random({5, 3}, torch::kFloat32);
  EXPECT_TRUE(turned(w, 2.0).equal(2.0 * w.t()));
  EXPECT_TRUE(turned(w, 1.0).is_contiguous());
}

}  // namespace
}  // namespace peftlab::kernels
