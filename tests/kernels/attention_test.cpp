#include "core/kernels/attention.h"

#include <gmock/gmock.h>

#include "core/kernels/loops/matrix_unit.h"
#include "tests/kernels/trees.h"
#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

using test::AttentionInputs;
using test::layout_of;

struct Case {
  std::string name;
  std::vector<test::SegmentSize> segments;
  int64_t context = 0;
  int64_t heads = 3, kv_heads = 1, width = 16;
  int64_t window = 0;
  double softcap = 0;

  AttentionOptions options() const { return {1 / std::sqrt(double(width)), window, softcap}; }
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"OneToken", {{1}}},
      {"Ragged", {{5}, {3}, {1}, {40}}},
      {"SharedRoot", {{7}, {4, 0}, {1, 0}, {3, 0}}},
      {"TwoRoots", {{7}, {4, 0}, {6}, {1, 2}, {5, 2}, {3, 0}}},
      {"ThreeLevels", {{20}, {5, 0}, {3, 1}, {4, 1}, {2, 0}, {6, 4}}},
      {"EmptyRoot", {{0}, {3, 0}, {4, 0}}},
      {"EmptySegments", {{4}, {0, 0}, {3, 1}, {0}}},
      {"Context", {{5}, {3}, {2, 0}}, 6},
      {"ContextAlone", {{1}, {1}}, 33},
      {"Window", {{9}, {4, 0}, {30, 0}, {3, 1}}, 0, 3, 1, 16, 4},
      {"WindowOfOne", {{9}, {4, 0}}, 0, 3, 1, 16, 1},
      {"WindowOverContext", {{5}, {20, 0}}, 8, 4, 2, 16, 7},
      {"Softcap", {{9}, {4, 0}}, 2, 3, 1, 16, 0, 1.5},
      {"SoftcapWindow", {{9}, {40, 0}}, 2, 6, 2, 16, 5, 2.0},
      {"OneHeadEach", {{7}, {4, 0}, {5}}, 0, 4, 4, 8},
      {"OneKeyHead", {{7}, {4, 0}, {5}}, 3, 8, 1, 24},
      {"OddSizes", {{19}, {7, 0}, {3}}, 5, 10, 5, 5},
      {"SmolLike", {{117}, {61, 0}, {75, 0}, {70, 0}}, 0, 9, 3, 64},
      {"Long", {{517}}, 0, 3, 1, 64},
      {"LongWindow", {{517}, {100, 0}}, 16, 3, 1, 64, 200},
  };
  return all;
}

class Attention : public testing::TestWithParam<std::tuple<Case, torch::ScalarType>> {};

/// How often a bfloat16 result is rounded on the way: the matrix unit takes rounded probabilities.
int roundings(torch::ScalarType type) { return type == torch::kBFloat16 ? 2 : 1; }

void expect_twin(const Case& param, torch::ScalarType type) {
  torch::manual_seed(1);
  const auto layout = layout_of(param.segments, param.context);
  const auto in = test::random_inputs(layout, param.heads, param.kv_heads, param.width, type);
  const auto fast = attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, param.options());
  const auto slow = slow::attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, param.options());
  ASSERT_EQ(fast.scalar_type(), type);
  const int64_t keys = layout.positions.numel() + param.context;
  test::expect_close(fast, slow, test::tolerance(type, test::magnitude(slow), keys + param.width, roundings(type)),
                     "result");
  const auto dy = torch::randn_like(slow);
  const auto got = test::gradients(fast, dy, in.all()), expected = test::gradients(slow, dy, in.all());
  const int64_t terms = keys * param.heads / param.kv_heads + param.width;
  const char* names[] = {"dq", "dk", "dv", "d context k", "d context v"};
  for (size_t i = 0; i < got.size(); ++i) {
    if (!expected[i].defined()) continue;
    // The twin rounds the gradient of each query head's keys before it adds them up.
    const double size = test::magnitude(expected[i]);
    test::expect_close(got[i], expected[i], test::tolerance(type, size, terms, roundings(type)), names[i]);
  }
}

TEST_P(Attention, AgreesWithTwin) { expect_twin(std::get<0>(GetParam()), std::get<1>(GetParam())); }

TEST_P(Attention, AgreesWithTwinWithoutMatrixUnit) {
  const loops::MatrixUnitOff off;
  expect_twin(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    All, Attention, testing::Combine(testing::ValuesIn(cases()), testing::Values(torch::kFloat32, torch::kBFloat16)),
    [](const auto& info) { return std::get<0>(info.param).name + "_" + c10::toString(std::get<1>(info.param)); });

/// Each path from a root alone through libtorch's own attention, keys repeated for each query head.
torch::Tensor path_by_path(const AttentionInputs& in, const Layout& layout, const AttentionOptions& options) {
  const int64_t group = in.q.size(1) / in.k.size(1);
  std::vector<torch::Tensor> parts;
  for (const auto& segment : layout.segments) {
    if (segment.size() == 0) continue;
    std::vector<torch::Tensor> q, k, v;
    if (in.context_k.defined()) {
      q.push_back(torch::zeros({in.context_k.size(0), in.q.size(1), in.q.size(2)}, in.q.options()));
      k.push_back(in.context_k);
      v.push_back(in.context_v);
    }
    auto path = ancestors(layout, segment);
    path.push_back(segment);
    for (const auto& part : path) {
      q.push_back(in.q.slice(0, part.begin, part.end));
      k.push_back(in.k.slice(0, part.begin, part.end));
      v.push_back(in.v.slice(0, part.begin, part.end));
    }
    const auto heads_first = [](const std::vector<torch::Tensor>& x, int64_t times) {
      return torch::cat(x).repeat_interleave(times, 1).transpose(0, 1).unsqueeze(0);
    };
    const auto y = at::scaled_dot_product_attention(heads_first(q, 1), heads_first(k, group), heads_first(v, group), {}, 0.0,
                                                    /*is_causal=*/true, options.scale);
    const auto rows = y.squeeze(0).transpose(0, 1);
    parts.push_back(rows.slice(0, rows.size(0) - segment.size()));
  }
  return torch::cat(parts);
}

TEST(AttentionTree, EqualsPathsComputedAlone) {
  torch::manual_seed(2);
  for (const auto& param : cases()) {
    if (param.window > 0 || param.softcap > 0) continue;
    const auto layout = layout_of(param.segments, param.context);
    const auto in = test::random_inputs(layout, param.heads, param.kv_heads, param.width, torch::kFloat64);
    const auto expected = path_by_path(in, layout, param.options());
    const auto tree = attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, param.options());
    const int64_t terms = layout.positions.numel() + param.context + param.width;
    const double allowed = test::tolerance(torch::kFloat64, test::magnitude(expected), terms);
    test::expect_close(tree, expected, allowed, param.name.c_str());
    const auto dy = torch::randn_like(expected);
    const auto got = test::gradients(tree, dy, in.all()), alone = test::gradients(expected, dy, in.all());
    for (size_t i = 0; i < got.size(); ++i) {
      if (!alone[i].defined()) continue;
      // The terms of a gradient of scores may cancel: for a single key they always do.
      const double term = test::magnitude(dy) * test::magnitude(in.v) * std::max(test::magnitude(in.q), test::magnitude(in.k));
      const double size = std::max(test::magnitude(alone[i]), term * param.options().scale);
      test::expect_close(got[i], alone[i], test::tolerance(torch::kFloat64, size, 4 * terms), param.name.c_str());
    }
  }
}

TEST(AttentionTree, TwinHasItsDifferences) {
  torch::manual_seed(3);
  for (const double softcap : {0.0, 1.0}) {
    const auto layout = layout_of({{3}, {2, 0}, {1, 0}}, /*num_context=*/2);
    const auto in = test::random_inputs(layout, 2, 1, 3, torch::kFloat64);
    const AttentionOptions options{0.7, /*window=*/4, softcap};
    test::expect_differences([&] { return attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, options); }, in.all());
  }
}

TEST(AttentionTree, WindowCountsPositionsNotRows) {
  const auto layout = layout_of({{3}, {4, 0}, {2, 0}});
  const auto seen = visible(layout, /*window=*/2);
  EXPECT_TRUE(seen[7][2].item<bool>());   // the last child's first token sees the root's last one
  EXPECT_FALSE(seen[7][1].item<bool>());
  EXPECT_FALSE(seen[8][2].item<bool>());
  EXPECT_FALSE(seen[7][6].item<bool>());  // and nothing of its sister
}

void expect_others_unharmed(int64_t harmed) {
  const auto layout = layout_of({{50}, {45}, {61}, {7}});
  const auto in = test::random_inputs(layout, 6, 3, 16, torch::kBFloat16);
  const auto run = [&](const AttentionInputs& x) {
    const auto y = attention(x.q, x.k, x.v, {}, {}, layout, {0.25});
    auto found = test::gradients(y, torch::ones_like(y), x.all());
    found[3] = y.detach();
    return found;
  };
  const auto whole = run(in);
  const auto& segment = layout.segments[harmed];
  auto broken = in;
  for (auto* x : {&broken.q, &broken.k, &broken.v}) {
    *x = x->detach().clone();
    x->narrow(0, segment.begin, segment.size()).fill_(std::nan(""));
    x->requires_grad_();
  }
  const auto found = run(broken);
  for (size_t i = 0; i < 4; ++i) {
    auto others = found[i].clone();
    others.narrow(0, segment.begin, segment.size()).copy_(whole[i].narrow(0, segment.begin, segment.size()));
    EXPECT_TRUE(torch::equal(others, whole[i])) << "segment " << harmed << ", tensor " << i;
  }
}

TEST(AttentionTree, WhatIsNoNumberStaysInItsSequence) {
  torch::manual_seed(7);
  for (int64_t harmed = 0; harmed < 4; ++harmed) {
    expect_others_unharmed(harmed);
    const loops::MatrixUnitOff off;
    expect_others_unharmed(harmed);
  }
}

TEST(AttentionTree, SameBitsTwice) {
  torch::manual_seed(4);
  const auto layout = layout_of({{117}, {61, 0}, {75, 0}, {70, 0}});
  const auto in = test::random_inputs(layout, 9, 3, 64, torch::kBFloat16);
  const auto run = [&] {
    const auto y = attention(in.q, in.k, in.v, {}, {}, layout, {0.125});
    auto found = test::gradients(y, torch::ones_like(y), in.all());
    found[3] = y.detach();
    return found;
  };
  const auto once = run(), again = run();
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(torch::equal(once[i], again[i])) << i;
}

TEST(AttentionTree, DoesNotDependOnThreadsBeyondRounding) {
  torch::manual_seed(5);
  const auto layout = layout_of({{40}, {61, 0}, {20, 0}, {3, 1}}, 5);
  const auto in = test::random_inputs(layout, 6, 3, 16, torch::kFloat32);
  const auto run = [&] {
    const auto y = attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, {0.25});
    return test::gradients(y, torch::ones_like(y), in.all());
  };
  const int threads = at::get_num_threads();
  const auto here = run();
  for (const int other : {1, 2, 5}) {
    at::set_num_threads(other);
    const auto there = run();
    for (size_t i = 0; i < 5; ++i) {
      test::expect_close(there[i], here[i], test::tolerance(torch::kFloat32, test::magnitude(here[i]), 300), "threads");
    }
  }
  at::set_num_threads(threads);
}

TEST(AttentionTree, GivesNoGradientNobodyWants) {
  const auto layout = layout_of({{4}}, 2);
  auto in = test::random_inputs(layout, 2, 1, 8, torch::kFloat32);
  in.k = in.k.detach();
  in.context_v = in.context_v.detach();
  const auto y = attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, {1.0});
  const auto expected = slow::attention(in.q, in.k, in.v, in.context_k, in.context_v, layout, {1.0});
  const auto found = test::gradients(y, torch::ones_like(y), in.all());
  const auto right = test::gradients(expected, torch::ones_like(y), in.all());
  EXPECT_FALSE(found[1].defined());
  EXPECT_FALSE(found[4].defined());
  // The gradient of a score is a difference of products of v, and q's and k's gradients sum products of it with k and q.
  const double term = 8 * test::magnitude(in.v) * std::max({1.0, test::magnitude(in.k), test::magnitude(in.q)});
  for (const size_t i : {0, 2, 3}) {
    test::expect_close(found[i], right[i], test::tolerance(torch::kFloat32, std::max(term, test::magnitude(right[i])), 30), "wanted");
  }
}

TEST(AttentionTree, KeepsWhatIsNotANumber) {
  const auto layout = layout_of({{3}, {2}});
  auto in = test::random_inputs(layout, 1, 1, 8, torch::kFloat32);
  const auto q = in.q.detach().clone();
  q[1] = NAN;
  const auto y = attention(q, in.k.detach(), in.v.detach(), {}, {}, layout, {1.0});
  EXPECT_TRUE(y[1].isnan().all().item<bool>());
  EXPECT_TRUE(y[0].isfinite().all().item<bool>() && y[4].isfinite().all().item<bool>());
}

TEST(AttentionTree, TakesHugeScores) {
  const auto layout = layout_of({{3}});
  const auto q = torch::full({3, 1, 8}, 1e4f), k = torch::randn({3, 1, 8}) * 1e4, v = torch::randn({3, 1, 8});
  const auto fast = attention(q, k, v, {}, {}, layout, {1.0}), slow = slow::attention(q, k, v, {}, {}, layout, {1.0});
  test::expect_close(fast, slow, test::tolerance(torch::kFloat32, test::magnitude(v), 11), "huge");
}

TEST(AttentionTree, RefusesWhatDoesNotFit) {
  const auto x = [](int64_t rows, int64_t heads) { return torch::zeros({rows, heads, 4}); };
  const auto message = [](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& context, Layout layout,
                          AttentionOptions options = {}) {
    return test::message_of([&] { attention(q, k, k, context, context, layout, options); });
  };
  const auto good = layout_of({{3}});
  EXPECT_THAT(message(x(3, 3), x(3, 2), {}, good), testing::HasSubstr("with H a multiple of K, got [3, 3, 4], [3, 2, 4]"));
  EXPECT_THAT(message(x(4, 1), x(4, 1), {}, good), testing::HasSubstr("the segments end at row 3, but there are 4 rows"));
  EXPECT_THAT(message(x(3, 1), x(3, 1), x(2, 2), good), testing::HasSubstr("does not fit keys of [3, 1, 4]"));
  EXPECT_THAT(message(x(3, 1), x(3, 1), x(2, 1), good), testing::HasSubstr("context_positions must be 2 int64 on the CPU"));
  EXPECT_THAT(message(x(3, 1), x(3, 1).to(torch::kBFloat16), {}, good), testing::HasSubstr("expected one type"));
  EXPECT_THAT(message(x(3, 1), x(3, 1), {}, good, {1.0, -1, 0}), testing::HasSubstr("must not be negative"));
  auto gap = good;
  gap.segments = {{0, 1, -1}, {2, 3, -1}};
  EXPECT_THAT(message(x(3, 1), x(3, 1), {}, gap), testing::HasSubstr("segment 1 is [2, 3), but the one before ends at 1"));
  auto later = good;
  later.segments = {{0, 1, 1}, {1, 3, -1}};
  EXPECT_THAT(message(x(3, 1), x(3, 1), {}, later), testing::HasSubstr("segment 0 has parent 1, expected an earlier segment"));
  auto backwards = good;
  backwards.positions = torch::tensor({2, 1, 0}, torch::kInt64);
  EXPECT_THAT(message(x(3, 1), x(3, 1), {}, backwards, {1.0, 2, 0}), testing::HasSubstr("positions go back from 2 to 1"));
  auto few = good;
  few.positions = torch::arange(2);
  EXPECT_THAT(message(x(3, 1), x(3, 1), {}, few), testing::HasSubstr("positions must be 3 int64 on the CPU"));
  EXPECT_THAT(test::message_of([&] { attention(x(3, 1), x(3, 1), x(3, 1), x(1, 1), {}, good, {}); }),
              testing::HasSubstr("context_k and context_v come together"));
}

}  // namespace
}  // namespace peftlab::kernels
