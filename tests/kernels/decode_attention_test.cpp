#include "core/kernels/decode_attention.h"

#include <gmock/gmock.h>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

struct Case {
  std::string name;
  int64_t batch, shared, room, heads, kv_heads, width;
  int64_t window = 0;
  double softcap = 0;

  AttentionOptions options() const { return {1 / std::sqrt(double(width)), window, softcap}; }
};

struct Drawn {
  torch::Tensor q;
  DecodeCache cache;
};

/// Rows that are not valid hold what is not a number: nobody may look at them.
Drawn draw(const Case& param, torch::ScalarType type) {
  const auto make = [&](std::vector<int64_t> sizes) { return torch::randn(sizes, torch::kFloat64).to(type); };
  Drawn drawn{make({param.batch, param.heads, param.width}), {}};
  auto& cache = drawn.cache;
  if (param.shared > 0) {
    cache.shared_k = make({param.shared, param.kv_heads, param.width});
    cache.shared_v = make({param.shared, param.kv_heads, param.width});
    cache.shared_positions = torch::arange(param.shared);
  }
  const int64_t room = places(param.room);
  cache.own_k = make({param.batch, param.kv_heads, param.width, room});
  cache.own_v = make({param.batch, room, param.kv_heads, param.width});
  cache.lengths = torch::randint(1, param.room + 1, {param.batch}, torch::kInt64);
  cache.positions = param.shared + cache.lengths - 1;
  for (int64_t i = 0; i < param.batch; ++i) {
    cache.own_k[i].slice(2, cache.lengths[i].item<int64_t>()).fill_(NAN);
    cache.own_v[i].slice(0, cache.lengths[i].item<int64_t>()).fill_(NAN);
  }
  return drawn;
}

class Decode : public testing::TestWithParam<std::tuple<Case, torch::ScalarType>> {};

TEST_P(Decode, AgreesWithTwinAndTree) {
  const auto& [param, type] = GetParam();
  torch::manual_seed(1);
  const auto [q, cache] = draw(param, type);
  const auto fast = decode_attention(q, cache, param.options());
  const auto slow = slow::decode_attention(q, cache, param.options());
  const double allowed = test::tolerance(type, test::magnitude(slow), param.shared + param.room + param.width);
  ASSERT_EQ(fast.scalar_type(), type);
  test::expect_close(fast, slow, allowed, "twin");
  for (int64_t i = 0; i < param.batch; ++i) {
    const int64_t length = cache.lengths[i].item<int64_t>();
    auto own_q = torch::zeros({length, param.heads, param.width}, q.options());
    own_q[length - 1] = q[i];
    Layout layout;
    layout.segments = {{0, length, -1}};
    layout.positions = torch::arange(length) + param.shared;
    if (param.shared > 0) layout.context_positions = cache.shared_positions;
    const auto tree = slow::attention(own_q, cache.own_k[i].slice(2, 0, length).permute({2, 0, 1}), cache.own_v[i].slice(0, 0, length),
                                      cache.shared_k, cache.shared_v, layout, param.options());
    test::expect_close(fast[i], tree[length - 1], allowed, "tree");
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Decode,
    testing::Combine(testing::Values(Case{"Smol", 16, 118, 40, 9, 3, 64}, Case{"One", 1, 1, 1, 1, 1, 8},
                                     Case{"NothingShared", 5, 0, 17, 4, 2, 16}, Case{"Odd", 37, 19, 7, 6, 2, 5},
                                     Case{"Window", 6, 20, 30, 3, 1, 16, 12}, Case{"WindowOfOne", 6, 20, 30, 3, 1, 16, 1},
                                     Case{"Softcap", 6, 20, 30, 3, 1, 16, 0, 1.5}, Case{"OneHeadEach", 3, 700, 9, 4, 4, 32}),
                     testing::Values(torch::kFloat32, torch::kBFloat16, torch::kFloat64)),
    [](const auto& info) { return std::get<0>(info.param).name + "_" + c10::toString(std::get<1>(info.param)); });

TEST(DecodeAttention, RefusesWhatDoesNotFit) {
  const Case param{"", 2, 3, 4, 2, 1, 8};
  const auto message = [&](const std::function<void(Drawn&)>& spoil) {
    auto drawn = draw(param, torch::kFloat32);
    spoil(drawn);
    return test::message_of([&] { decode_attention(drawn.q, drawn.cache, param.options()); });
  };
  EXPECT_THAT(message([](Drawn& d) { d.cache.lengths = torch::tensor({1, 17}, torch::kInt64); }),
              testing::HasSubstr("lengths must lie in 1 .. 16"));
  EXPECT_THAT(message([](Drawn& d) { d.cache.lengths = torch::tensor({0, 2}, torch::kInt64); }),
              testing::HasSubstr("lengths must lie in 1 .. 16"));
  EXPECT_THAT(message([](Drawn& d) { d.cache.positions = torch::zeros({3}, torch::kInt64); }),
              testing::HasSubstr("lengths and positions must be 2 int64"));
  EXPECT_THAT(message([](Drawn& d) { d.cache.shared_v = torch::Tensor(); }), testing::HasSubstr("shared_k and shared_v come together"));
  EXPECT_THAT(message([](Drawn& d) { d.cache.shared_k = torch::zeros({3, 2, 8}); }), testing::HasSubstr("do not fit own keys"));
  EXPECT_THAT(message([](Drawn& d) { d.q = torch::zeros({3, 2, 8}); }), testing::HasSubstr("q (B, H, D) needs own keys"));
  EXPECT_THAT(message([](Drawn& d) {
                d.cache.own_k = torch::zeros({2, 1, 8, 20});
                d.cache.own_v = torch::zeros({2, 20, 1, 8});
              }),
              testing::HasSubstr("T of 16"));
}

}  // namespace
}  // namespace peftlab::kernels
