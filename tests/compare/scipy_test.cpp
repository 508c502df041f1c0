// The same numbers by another hand: reference.py, which uses SciPy.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "core/compare/crossed.h"
#include "core/compare/holm.h"
#include "core/compare/mcnemar.h"
#include "tests/compare/runs.h"

namespace peftlab::compare {
namespace {

std::string python() {
  const char* given = std::getenv("PEFTLAB_PYTHON");
  return given ? given : "python3";
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  for (size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, count);
  return pclose(pipe) == 0 ? text : "";
}

Scores random_scores(std::mt19937& random, int seeds, int items, double right) {
  std::bernoulli_distribution draw(right);
  Scores scores(seeds, items);
  for (int s = 0; s < seeds; ++s) {
    for (int i = 0; i < items; ++i) scores(s, i) = i % 3 == 0 || draw(random);
  }
  return scores;
}

io::Json rows_of(const Scores& scores) {
  io::Json rows = io::Json::array();
  for (Eigen::Index s = 0; s < scores.rows(); ++s) {
    io::Json row = io::Json::array();
    for (Eigen::Index i = 0; i < scores.cols(); ++i) row.push_back(scores(s, i));
    rows.push_back(row);
  }
  return rows;
}

void expect_near(const MeanSquares& ours, const io::Json& theirs) {
  EXPECT_NEAR(ours.seeds, theirs["seeds"], 1e-9);
  EXPECT_NEAR(ours.items, theirs["items"], 1e-9);
  EXPECT_NEAR(ours.rest, theirs["rest"], 1e-9);
}

TEST(SciPy, Agrees) {
  if (output_of(python() + " -c 'import numpy, scipy.stats; print(1)' 2>/dev/null").empty()) {
    GTEST_SKIP() << python() << " has no SciPy; PEFTLAB_PYTHON names another";
  }
  std::mt19937 random(11);
  const Scores a = random_scores(random, 4, 40, 0.8), b = random_scores(random, 4, 40, 0.5);
  const std::vector<double> p_values = {0.03, 0.2, 0.004, 0.9, 0.03};
  test::Scratch folder;
  write(folder.folder() / "given.json", io::Json{{"a", rows_of(a)}, {"b", rows_of(b)}, {"p_values", p_values}}.dump());
  const auto text = output_of(python() + " " + PEFTLAB_SOURCE_DIR + "/tests/compare/reference.py < " +
                              (folder.folder() / "given.json").string());
  ASSERT_NE(text, "");
  const auto theirs = io::Json::parse(text);
  expect_near(mean_squares(a), theirs["mean_squares"]);
  expect_near(mean_squares(a - b), theirs["difference_mean_squares"]);
  const Scores first = a.topRows(1), second = b.topRows(1);
  EXPECT_NEAR(*mcnemar_p(first, second), theirs["mcnemar_p"], 1e-12);
  EXPECT_NEAR(difference_of(first, second, /*same_seeds=*/true).p_value(), theirs["paired_t_p"], 1e-9);
  const auto adjusted = holm(p_values);
  for (size_t i = 0; i < adjusted.size(); ++i) EXPECT_NEAR(adjusted[i], theirs["holm"][i], 1e-12);
  const double p = first.mean();
  const auto wilson = share_interval({p, {{p * (1.0 - p) / 40.0, 1e9}}}, 40, 0.95);
  EXPECT_NEAR(wilson.low, theirs["wilson"][0], 1e-9);
  EXPECT_NEAR(wilson.high, theirs["wilson"][1], 1e-9);
}

}  // namespace
}  // namespace peftlab::compare
