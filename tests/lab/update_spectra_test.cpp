// Singular values of what training changed, against changes whose values are known.
#include "core/lab/update_spectra.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "peftlab/low_rank.h"
#include "tests/support/scratch.h"
#include "tests/support/toy.h"

namespace peftlab::lab {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::SizeIs;

/// (rows, columns) with orthonormal columns.
torch::Tensor orthonormal(int64_t rows, int64_t columns) {
  return std::get<0>(at::linalg_qr(torch::randn({rows, columns}, torch::kFloat64)));
}

/// A matrix whose singular values are `values`.
torch::Tensor with_values(int64_t out, int64_t in, const std::vector<double>& values) {
  const auto n = static_cast<int64_t>(values.size());
  return orthonormal(out, n).matmul(torch::diag(torch::tensor(values, torch::kFloat64))).matmul(orthonormal(in, n).t());
}

TEST(SingularValues, OfAKnownLowRankMatrixAreFound) {
  for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{{300, 500}, {500, 300}, {40, 90}}) {
    const auto found = leading_singular_values(with_values(out, in, {8.0, 4.0, 1.0, 0.25}).to(torch::kFloat32), 1);
    ASSERT_THAT(found, SizeIs(kSingularValues));
    const std::vector<double> wanted = {8.0, 4.0, 1.0, 0.25};
    for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-5);
    EXPECT_LT(found[4], 1e-5);
  }
}

TEST(SingularValues, OfAMatrixWithoutOrderAreCloseAndNeverTooLarge) {
  const auto matrix = torch::randn({256, 400}, torch::kFloat32);
  const auto exact = at::linalg_svdvals(matrix).to(torch::kFloat64);
  const auto found = leading_singular_values(matrix, 1);
  ASSERT_THAT(found, SizeIs(kSingularValues));
  for (int64_t i = 0; i < kSingularValues; ++i) {
    const double value = exact[i].item<double>();
    EXPECT_LE(found[static_cast<size_t>(i)], value * (1.0 + 1e-5)) << i;
    EXPECT_GE(found[static_cast<size_t>(i)], value * 0.85) << i;
  }
  EXPECT_EQ(found, leading_singular_values(matrix, 1));
  EXPECT_NE(found, leading_singular_values(matrix, 2));
}

TEST(SingularValues, OfASmallMatrixAreExact) {
  const auto matrix = torch::randn({5, 3}, torch::kFloat64);
  const auto exact = at::linalg_svdvals(matrix);
  EXPECT_THAT(leading_singular_values(matrix, 1),
              ElementsAre(DoubleNear(exact[0].item<double>(), 1e-12), DoubleNear(exact[1].item<double>(), 1e-12),
                          DoubleNear(exact[2].item<double>(), 1e-12)));
  EXPECT_THAT(leading_singular_values(torch::zeros({0, 3}), 1), SizeIs(0));
}

/// W' - W of every filled point, as merging makes it.
torch::Tensor difference_at(const test::Toy& toy, const plugin::FilledPoint& point) {
  const auto& slots = toy.decoder->weights().linears();
  const auto slot =
      std::find_if(slots.begin(), slots.end(), [&](const auto& one) { return one.base.name() == point.name; });
  return static_cast<const WeightPatch&>(*point.patch).merged(slot->base)->weight - slot->base.weight();
}

TEST(UpdateSpectra, OfFactorsAndOfMergedMatricesAreThoseOfTheDifference) {
  for (const char* options : {test::kLora, R"({"name": "dora", "rank": 4, "targets": "all-linear"})"}) {
    test::Toy toy(options);
    toy.perturb(0.3);
    torch::NoGradGuard no_grad;
    const auto spectra = update_spectra(*toy.decoder, toy.set, 0);
    ASSERT_THAT(spectra, SizeIs(toy.method().filled().size()));
    for (size_t i = 0; i < spectra.size(); ++i) {
      const auto wanted = difference_at(toy, toy.method().filled()[i]);
      EXPECT_EQ(spectra[i].matrix, toy.method().filled()[i].name);
      EXPECT_EQ(spectra[i].out, wanted.size(0));
      EXPECT_EQ(spectra[i].in, wanted.size(1));
      const double norm = wanted.norm().item<double>();
      EXPECT_GT(norm, 0.0);
      EXPECT_NEAR(spectra[i].update_norm, norm, 1e-5 * norm);
      const double largest = at::linalg_svdvals(wanted)[0].item<double>();
      EXPECT_NEAR(spectra[i].singular_values.at(0), largest, 1e-5 * largest);
      EXPECT_GT(spectra[i].weight_norm, 0.0);
    }
  }
}

TEST(UpdateSpectra, OfTrainedCopiesAreThoseOfTheirChange) {
  test::Toy toy(R"({"name": "full"})");
  torch::NoGradGuard no_grad;
  for (const auto& spectrum : update_spectra(*toy.decoder, toy.set, 0))
    EXPECT_EQ(spectrum.update_norm, 0.0) << spectrum.matrix;
  for (const auto& t : toy.method().trainable()) {
    if (t.name.find("layers.1.mlp.up_proj") != std::string::npos)
      t.tensor.add_(with_values(t.tensor.size(0), t.tensor.size(1), {3.0, 4.0}));
  }
  int changed = 0;
  for (const auto& spectrum : update_spectra(*toy.decoder, toy.set, 0)) {
    EXPECT_FALSE(spectrum.matrix.ends_with(".weight"));
    if (spectrum.update_norm == 0.0) continue;
    ++changed;
    EXPECT_EQ(spectrum.matrix, "model.layers.1.mlp.up_proj");
    EXPECT_NEAR(spectrum.update_norm, 5.0, 1e-4);
    EXPECT_NEAR(spectrum.singular_values.at(0), 4.0, 1e-4);
    EXPECT_NEAR(spectrum.singular_values.at(1), 3.0, 1e-4);
  }
  EXPECT_EQ(changed, 1);
}

TEST(UpdateSpectra, OfWhatIsNotFiniteHaveNoValues) {
  test::Toy toy(R"({"name": "full"})");
  torch::NoGradGuard no_grad;
  toy.method().trainable().front().tensor.fill_(std::numeric_limits<float>::quiet_NaN());
  const auto spectra = update_spectra(*toy.decoder, toy.set, 0);
  EXPECT_TRUE(std::isnan(spectra.front().update_norm));
  EXPECT_THAT(spectra.front().singular_values, SizeIs(0));
}

TEST(UpdateSpectra, AreWrittenBesideTheRecordWhereAMatrixChanged) {
  const test::Scratch scratch;
  io::Json results = io::Json::object();
  test::Toy none(R"({"name": "prompt_tuning", "num_virtual_tokens": 3, "init": "random"})");
  record_updates(results, scratch.folder(), *none.decoder, none.set, 0);
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(scratch.num_entries(), 0u);

  test::Toy toy(test::kLora);
  toy.perturb(0.3);
  record_updates(results, scratch.folder(), *toy.decoder, toy.set, 0);
  const auto file = io::read_json(scratch / "updates.json").value;
  EXPECT_EQ(results.at("updates").at("file"), "updates.json");
  EXPECT_EQ(results.at("updates").at("num_matrices"), toy.method().filled().size());
  ASSERT_EQ(file.at("matrices").size(), toy.method().filled().size());
  EXPECT_EQ(file.at("matrices")[0].at("matrix"), toy.method().filled()[0].name);
  EXPECT_THAT(file.at("matrices")[0].at("singular_values"), SizeIs(4));
  EXPECT_GT(file.at("matrices")[0].at("update_norm").get<double>(), 0.0);
}

}  // namespace
}  // namespace peftlab::lab
