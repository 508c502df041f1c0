#include "core/study/sweep.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/lab/experiment.h"
#include "core/study/sweep_record.h"
#include "tests/study/toys.h"

namespace peftlab::study {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

/// Instead of training, a run's result is a function of its settings: the nearer the rate is to `best`, the better.
class Sweeps : public Toys {
 protected:
  void SetUp() override {
    Toys::SetUp();
    put("other.json", experiment(4));
  }

  static double rate_of(const PlannedRun& run) { return run.record.at("experiment").at("train").at("learning_rate"); }
  static int64_t steps_of(const PlannedRun& run) {
    return run.record.at("experiment").at("train").value("max_steps", int64_t{0});
  }
  static bool is_trial(const PlannedRun& run) { return run.folder.string().find("/trials/") != std::string::npos; }

  SweepRequest request(const std::string& more, const std::string& budget = R"({"trials": 4, "steps": 6})") const {
    SweepRequest request;
    request.file = read_sweep_file(
        put("sweep.json", R"({"about": "why", "experiment": ["toy.json", "other.json"], "budget": )" + budget +
                              R"(, "space": {"/train/learning_rate": {"log_uniform": [1e-4, 1e-2]}})" + more + "}"));
    request.folder = folder() / "sweep";
    request.num_seeds = 2;
    return request;
  }

  SweepResult do_sweep(const SweepRequest& request) {
    return run_sweep(request, [this](std::vector<PlannedRun>& runs) {
      for (auto& run : runs) {
        done_.push_back(run);
        if (!fails_ || !fails_(run)) {
          finish(run, 1.0 / (1.0 + loss(run)), loss(run), steps_of(run));
          continue;
        }
        record_failure(run, "the loss is nan");
        look_at(run);
      }
    });
  }

  static double loss(const PlannedRun& run) { return std::abs(std::log(rate_of(run) / 1e-3)); }

  std::vector<PlannedRun> done_;
  std::function<bool(const PlannedRun&)> fails_;
};

TEST_F(Sweeps, ChooseTheBestOnDevAndTestItOnceASeed) {
  const auto wanted = request("");
  const auto result = do_sweep(wanted);
  ASSERT_TRUE(result.searched_all);
  ASSERT_THAT(result.searched, SizeIs(2));
  for (const auto& outcome : result.searched) {
    ASSERT_THAT(outcome.rungs, SizeIs(1));
    ASSERT_THAT(outcome.rungs[0], SizeIs(4));
    ASSERT_TRUE(outcome.chosen);
    for (const auto& trial : outcome.rungs[0]) EXPECT_LE(*outcome.chosen->score, *trial.score);
    EXPECT_THAT(outcome.why, AllOf(HasSubstr("lowest loss on dev"), HasSubstr("4 of 4 trials finished")));
  }
  // Both searched the same rates, and so chose the same.
  EXPECT_EQ(result.searched[0].chosen->settings, result.searched[1].chosen->settings);
  ASSERT_THAT(result.final_runs, SizeIs(4));
  for (const auto& run : result.final_runs) {
    EXPECT_EQ(run.state, RunState::finished);
    EXPECT_EQ(rate_of(run), result.searched[0].chosen->settings[0].second.get<double>());
  }
}

TEST_F(Sweeps, TrialsHaveOneBudgetAndNeverSeeTheTestSplit) {
  do_sweep(request(R"(, "metric": "exact_match")"));
  ASSERT_THAT(done_, SizeIs(12));
  for (const auto& run : done_) {
    const auto& experiment = run.record.at("experiment");
    if (is_trial(run)) {
      EXPECT_EQ(steps_of(run), 6);
      EXPECT_EQ(experiment.at("evaluate").at("splits"), io::Json({"dev"}));
      EXPECT_EQ(experiment.at("evaluate").at("base"), false);
      EXPECT_EQ(experiment.at("train").at("early_stopping"), nullptr);
    } else {
      EXPECT_EQ(experiment.at("train").at("epochs"), 2.0);
      EXPECT_EQ(experiment.at("evaluate").at("splits"), io::Json({"test"}));
    }
  }
  // Every trial comes before the first test.
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(is_trial(done_[i]), i < 8) << i;
}

TEST_F(Sweeps, LossIsMeasuredAtTheLastStepOfTheBudgetInEpochs) {
  do_sweep(request("", R"({"trials": 1, "epochs": 1.5})"));
  // 12 examples, 3 a step, one and a half epochs: 6 steps.
  EXPECT_EQ(steps_of(done_.at(0)), 6);
  const auto& experiment = done_.at(0).record.at("experiment");
  EXPECT_EQ(experiment.at("train").at("evaluate_every"), io::Json({{"steps", 6}}));
  EXPECT_EQ(experiment.at("evaluate").at("splits"), io::Json::array());
}

TEST_F(Sweeps, HigherIsBetterForAScore) {
  const auto wanted = request(R"(, "metric": "exact_match")");
  const auto result = do_sweep(wanted);
  for (const auto& trial : result.searched[0].rungs[0]) EXPECT_GE(*result.searched[0].chosen->score, *trial.score);
  EXPECT_THAT(result.searched[0].why, HasSubstr("highest exact_match on dev"));
}

TEST_F(Sweeps, HalvingKeepsTheBestForLonger) {
  const auto wanted = request(R"(, "search": "successive_halving")", R"({"trials": 9, "steps": 18, "eta": 3})");
  const auto result = do_sweep(wanted);
  for (const auto& outcome : result.searched) {
    ASSERT_THAT(outcome.rungs, SizeIs(3));
    EXPECT_THAT(outcome.rungs[0], SizeIs(9));
    EXPECT_THAT(outcome.rungs[1], SizeIs(3));
    EXPECT_THAT(outcome.rungs[2], SizeIs(1));
    EXPECT_EQ(outcome.rungs[0][0].num_steps, 2);
    EXPECT_EQ(outcome.rungs[1][0].num_steps, 6);
    EXPECT_EQ(outcome.rungs[2][0].num_steps, 18);
    double worst_kept = 0.0;
    for (const auto& trial : outcome.rungs[1]) worst_kept = std::max(worst_kept, *trial.score);
    size_t as_good = 0;
    for (const auto& trial : outcome.rungs[0]) as_good += *trial.score <= worst_kept ? 1 : 0;
    EXPECT_EQ(as_good, 3u);
  }
  const auto record = io::read_json(folder() / "sweep/sweep.json").value;
  for (const auto& experiment : record.at("experiments")) {
    EXPECT_EQ(experiment.at("num_steps"), 9 * 2 + 3 * 6 + 18);
    EXPECT_THAT(experiment.at("trials"), SizeIs(13));
  }
}

TEST_F(Sweeps, FinishedTrialsAreNotDoneAgain) {
  const auto wanted = request("");
  bool full = false;
  fails_ = [&](const PlannedRun&) { return false; };
  // The first time only half of the trials get done.
  const auto part = run_sweep(wanted, [&](std::vector<PlannedRun>& runs) {
    for (size_t i = 0; i < runs.size() / 2; ++i) finish(runs[i], 0.5, loss(runs[i]), steps_of(runs[i]));
    full = runs.size() == 8;
  });
  EXPECT_TRUE(full);
  EXPECT_FALSE(part.searched_all);
  EXPECT_THAT(part.final_runs, SizeIs(0));
  EXPECT_EQ(io::read_json(folder() / "sweep/sweep.json").value.at("status"), "unfinished");
  EXPECT_TRUE(do_sweep(wanted).searched_all);
  EXPECT_THAT(done_, SizeIs(4 + 4));
  const auto record = test::bytes_of(folder() / "sweep/sweep.json");
  EXPECT_TRUE(do_sweep(wanted).searched_all);
  // The final runs are finished too; whoever executes is asked for nothing that is not.
  for (size_t i = 8; i < done_.size(); ++i) EXPECT_FALSE(is_trial(done_[i]));
  EXPECT_EQ(test::bytes_of(folder() / "sweep/sweep.json"), record);
}

TEST_F(Sweeps, FailedTrialsAreToldAndNotChosen) {
  auto wanted = request("");
  wanted.final_runs = false;
  wanted.dry_run = true;
  const auto trials = do_sweep(wanted).searched[0].rungs[0];
  wanted.dry_run = false;
  // Half of them fail, whichever they are.
  std::vector<double> rates;
  for (const auto& trial : trials) rates.push_back(rate_of(trial.run));
  std::sort(rates.begin(), rates.end());
  fails_ = [&](const PlannedRun& run) { return rate_of(run) >= rates[2]; };
  const auto result = do_sweep(wanted);
  ASSERT_TRUE(result.searched[0].chosen);
  EXPECT_LT(result.searched[0].chosen->settings[0].second.get<double>(), rates[2]);
  size_t failed = 0;
  const auto record = io::read_json(folder() / "sweep/sweep.json").value;
  for (const auto& trial : record.at("experiments")[0].at("trials")) {
    if (trial.at("state") != "failed") continue;
    ++failed;
    EXPECT_EQ(trial.at("reason"), "the loss is nan");
    EXPECT_EQ(trial.at("dev_score"), nullptr);
  }
  EXPECT_EQ(failed, 2u);
  EXPECT_THAT(result.searched[0].why, HasSubstr(std::to_string(4 - failed) + " of 4 trials finished"));
  const size_t before = done_.size();
  do_sweep(wanted);
  EXPECT_EQ(done_.size(), before);
  fails_ = nullptr;
  wanted.retry = true;
  EXPECT_THAT(do_sweep(wanted).searched[0].why, HasSubstr("4 of 4 trials finished"));
  EXPECT_EQ(done_.size(), before + 2 * failed);
}

TEST_F(Sweeps, AScoreThatIsNoNumberCountsAsFailed) {
  auto wanted = request("");
  wanted.final_runs = false;
  const auto result = run_sweep(wanted, [](std::vector<PlannedRun>& runs) {
    for (auto& run : runs) {
      finish(run, 0.5, 1.0, steps_of(run));
      io::write_file(run.folder / "metrics.jsonl", R"({"step": 6, "dev_loss": "nan"})"
                                                   "\n");
    }
  });
  EXPECT_FALSE(result.searched[0].chosen);
  EXPECT_THAT(result.searched[0].why,
              AllOf(HasSubstr("no trial left a score on dev"), HasSubstr("its score on dev is not a number")));
}

TEST_F(Sweeps, AnotherSweepInTheFolderIsRefused) {
  auto wanted = request("");
  wanted.final_runs = false;
  do_sweep(wanted);
  EXPECT_THAT(test::message_of<ConfigError>([&] { do_sweep(request(R"(, "seed": 1)")); }),
              HasSubstr("holds another sweep"));
  put("toy.json", experiment(8));
  EXPECT_THAT(test::message_of<ConfigError>([&] { do_sweep(wanted); }),
              HasSubstr("an experiment or its data has changed"));
}

TEST_F(Sweeps, NothingIsTriedAgainOnceTheTestSplitWasSeen) {
  auto wanted = request("");
  do_sweep(wanted);
  wanted.retry = true;
  EXPECT_THAT(test::message_of<ConfigError>([&] { do_sweep(wanted); }), HasSubstr("were tested already"));
}

TEST_F(Sweeps, PartsDoTheirOwnTrialsAndTheLastOneChooses) {
  auto wanted = request("");
  wanted.shard = {1, 2};
  const auto first = do_sweep(wanted);
  EXPECT_THAT(done_, SizeIs(4));
  EXPECT_FALSE(first.searched_all);
  wanted.shard = {2, 2};
  const auto second = do_sweep(wanted);
  EXPECT_TRUE(second.searched_all);
  EXPECT_THAT(done_, SizeIs(4 + 4 + 2));
  wanted.shard = {1, 2};
  EXPECT_TRUE(do_sweep(wanted).searched_all);
  for (const auto& run : do_sweep(wanted).final_runs) EXPECT_EQ(run.state, RunState::finished);
}

TEST_F(Sweeps, MistakesOfAllTrialsComeFirst) {
  SweepRequest wanted = request("");
  wanted.file =
      read_sweep_file(put("wrong.json", R"({"about": "why", "experiment": ["toy.json", "other.json"], "search": "grid",
    "space": {"/method/rank": {"values": [2, 0]}, "toy": {"/method/rnak": {"values": [1]}}},
    "budget": {"steps": 5}})"));
  const auto message = test::message_of<ConfigError>([&] { do_sweep(wanted); });
  EXPECT_THAT(message, AllOf(HasSubstr("rnak"), HasSubstr("/method/rank"), HasSubstr("got 0")));
  EXPECT_THAT(done_, SizeIs(0));
  EXPECT_FALSE(std::filesystem::exists(folder() / "sweep"));
  EXPECT_THAT(test::message_of<ConfigError>([&] { do_sweep(request(R"(, "metric": "exact_match_json")")); }),
              HasSubstr("the task of 'toy' is scored by 'exact_match', expected that or 'loss'"));
}

TEST_F(Sweeps, UnequalBatchesAreTold) {
  put("other.json", experiment(4, R"(, "device": "cpu")"));
  EXPECT_THAT(do_sweep(request("")).notes, SizeIs(0));
  auto text = experiment(4);
  text.replace(text.find(R"("batch_size": 3)"), 15, R"("batch_size": 4)");
  put("other.json", text);
  auto wanted = request("");
  wanted.folder = folder() / "unequal";
  EXPECT_THAT(do_sweep(wanted).notes, testing::ElementsAre(HasSubstr("equal steps but not equally many examples")));
}

TEST_F(Sweeps, DryRunsWriteNothing) {
  auto wanted = request("");
  wanted.dry_run = true;
  const auto result = do_sweep(wanted);
  EXPECT_THAT(result.searched[0].rungs[0], SizeIs(4));
  EXPECT_THAT(done_, SizeIs(0));
  EXPECT_FALSE(std::filesystem::exists(folder() / "sweep"));
  EXPECT_EQ(shown({{"/train/learning_rate", 0.5}, {"/method/targets", "q"}}), "learning_rate 0.5, targets \"q\"");
}

}  // namespace
}  // namespace peftlab::study
