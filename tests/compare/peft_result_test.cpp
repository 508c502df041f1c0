#include "core/compare/peft_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/compare/comparison.h"
#include "core/compare/find_runs.h"
#include "core/compare/likeness.h"
#include "core/compare/record.h"
#include "tests/compare/runs.h"

namespace peftlab::compare {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

io::Json result(const std::string& name, int right) {
  return {
      {"run_info",
       {{"experiment_name", name},
        {"created_at", "2026-07-15T05:41:18+00:00"},
        {"train_config",
         {{"model_id", "meta-llama/Llama-3.2-3B"},
          {"seed", 0},
          {"query_template", "Q: {query}"},
          {"dtype", "bfloat16"},
          {"optimizer_kwargs", {{"lr", 1e-4}}}}},
        {"error_msg", ""}}},
      {"train_info",
       {{"status", "success"},
        {"num_trainable_params", 123},
        {"file_size", 456},
        {"accelerator_memory_max", 789},
        {"train_time", 99.0},
        {"metrics",
         {{{"step", 250}, {"train time", 20.0}},
          {{"step", 500}, {"train time", 30.0}},
          {{"step", 500}, {"test accuracy", right / 1319.0}, {"train total tokens", 1000}, {"forgetting", 0.05}}}}}},
      {"meta_info",
       {{"model_info", {{"sha", "s"}}},
        {"dataset_info", {{"gsm8k", {{"sha", "g"}}}}},
        {"system_info", {{"accelerator", "L40S"}}}}}};
}

TEST(PeftResult, IsARun) {
  const auto run = peft_result_of(result("lora/llama-3.2-3B-rank32", 631), "x.json");
  EXPECT_EQ(run.name, "lora rank32");
  EXPECT_EQ(run.method, "lora");
  EXPECT_EQ(run.problem, "");
  EXPECT_EQ(run.splits.at("test").num_items, 1319);
  EXPECT_EQ(run.costs.training_seconds, 50.0);  // of the steps, not train_time
  EXPECT_EQ(run.costs.useful_tokens_per_second, 20.0);
  EXPECT_EQ(run.costs.adapter_bytes, 456);
  EXPECT_EQ(run.forgetting->mean, 0.05);
  EXPECT_FALSE(run.forgetting->low);
}

TEST(PeftResult, ItemsAreNotMadeUp) {
  auto other = result("lora/x", 631);
  other["train_info"]["metrics"][2]["test accuracy"] = 0.5;  // 659.5 of 1319
  EXPECT_EQ(peft_result_of(other, "x.json").splits.at("test").num_items, 0);
}

TEST(PeftResult, FailuresAreRows) {
  auto failed = result("lora/x", 631);
  failed["train_info"]["status"] = "failed";
  failed["run_info"]["error_msg"] = "out of memory";
  EXPECT_EQ(peft_result_of(failed, "x.json").problem, "failed: out of memory");
  auto empty = result("lora/x", 631);
  empty["train_info"]["metrics"] = io::Json::array();
  EXPECT_THAT(peft_result_of(empty, "x.json").problem, HasSubstr("holds no test accuracy"));
}

TEST(PeftResult, IsToldFromARunOfOurs) {
  EXPECT_TRUE(is_peft_result(result("a/b", 1)));
  EXPECT_FALSE(is_peft_result(record("alpha", 0, 0.5, 4)));
  EXPECT_THROW(require_alike({peft_result_of(result("a/b", 1), "x"), run_of(record("alpha", 0, 0.5, 4), "y")}),
               ConfigError);
}

// The 63 published results. What is expected was worked out from the same files apart from this code.
TEST(PeftResult, PublishedResultsReadAsTheirScienceSays) {
  const fs::path folder = fs::path(PEFTLAB_SOURCE_DIR) / ".." / "shared" / "peft" / "results";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  auto found = find_runs(files);
  ASSERT_THAT(found.runs, SizeIs(63));
  EXPECT_NO_THROW(require_alike(found.runs));
  const auto c = compare(std::move(found.runs), {.baseline = "lora rank32", .split = ""});
  ASSERT_THAT(c.rows, SizeIs(63));
  EXPECT_EQ(c.rows[0].label, "lily rank140-mlp-a2-b2-s8.0");
  int untold = 0, better = 0, better_adjusted = 0;
  for (const auto& row : c.rows) {
    if (!row.difference) continue;
    untold += row.difference->p > 0.05;
    better += row.difference->p <= 0.05 && row.difference->estimate.value > 0;
    better_adjusted += row.difference->adjusted_p <= 0.05 && row.difference->estimate.value > 0;
  }
  EXPECT_EQ(untold, 23);
  EXPECT_EQ(better, 1);
  EXPECT_EQ(better_adjusted, 0);
  EXPECT_FALSE(c.rows[0].is_alone);
  EXPECT_THAT(c.notes, Contains(HasSubstr("one seed each: no interval over seeds can be given")));
  EXPECT_THAT(c.notes, Contains(HasSubstr("tested unpaired")));
  EXPECT_THAT(c.notes, Contains(HasSubstr("mixed train.weight_decay")));
}

}  // namespace
}  // namespace peftlab::compare
