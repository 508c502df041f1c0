// Every shipped method keeps every promise; every sinner breaks the one it sins against, and no other.
#include "core/check/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

namespace peftlab::check {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kMethods = fs::path(PEFTLAB_BUILD_DIR) / "methods";
const fs::path kSinners = fs::path(PEFTLAB_BUILD_DIR) / "tests" / "sinners";

[[maybe_unused]] const bool kPlaceSet = [] {
  ::setenv("PEFTLAB_METHODS", kMethods.c_str(), /*overwrite=*/1);
  return true;
}();

std::string faults_of(const Report& report) {
  std::string text;
  for (const auto& line : report.lines) {
    for (const auto& fault : line.finding.faults()) text += std::string(line.promise->name) + ": " + fault + "\n";
  }
  return text;
}

std::vector<std::string> with_verdict(const Report& report, Verdict verdict) {
  std::vector<std::string> names;
  for (const auto& line : report.lines) {
    if (line.verdict == verdict) names.push_back(line.promise->name);
  }
  return names;
}

Report check_sinner(const std::string& sin, const std::string& library = "sinner") {
  return check_method(plugin::load_method(kSinners / (library + ".so")), {{"sin", sin}}, {"llama"});
}

std::vector<std::string> shipped() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(PEFTLAB_SOURCE_DIR) / "methods")) {
    if (entry.path().extension() == ".cpp") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Shipped : public testing::TestWithParam<std::string> {};

TEST_P(Shipped, KeepsEveryPromise) {
  const auto report = check_method(plugin::load_method(kMethods / (GetParam() + ".so")), io::Json::object(), {});
  EXPECT_TRUE(report.kept()) << faults_of(report);
  for (const auto& line : report.lines) {
    if (std::string(line.promise->name) == "merge") continue;  // not every method can be merged
    EXPECT_EQ(line.verdict, Verdict::kept) << line.promise->name << ": " << line.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Shipped, testing::ValuesIn(shipped()), [](const auto& info) { return info.param; });

struct Sin {
  const char* name;
  const char* promise;
  const char* said;  // in one of the faults
};

class Sinner : public testing::TestWithParam<Sin> {};

TEST_P(Sinner, BreaksItsPromiseAndNoOther) {
  const auto report = check_sinner(GetParam().name);
  EXPECT_EQ(with_verdict(report, Verdict::broken), std::vector<std::string>{GetParam().promise}) << faults_of(report);
  EXPECT_THAT(faults_of(report), HasSubstr(GetParam().said));
  EXPECT_FALSE(report.kept());
}

INSTANTIATE_TEST_SUITE_P(
    Of, Sinner,
    testing::Values(Sin{"base", "base", "model.layers.0.self_attn.q_proj: differs by"},
                    Sin{"gradient_on_base", "base", "asks for a gradient"},
                    Sin{"count", "count", "but its distinct tensors have"},
                    Sin{"not_identity", "start", "though it says that it starts as the base model"},
                    Sin{"global_draw", "seed", "other with the same seed: differs by"},
                    Sin{"fixed_draw", "seed", "starts from the same bits with another seed"},
                    Sin{"gradient", "gradients", "scale: its gradient against a difference of the loss: differs by"},
                    Sin{"stuck", "moves", "is where it started after three steps"},
                    Sin{"merge", "merge", "logits of the merged model"},
                    Sin{"buffer", "save", "after reading: differs by"},
                    Sin{"counter", "resume", "scale after resuming: differs by"},
                    Sin{"adapter", "adapter", "of the adapter: differs by"},
                    Sin{"batch_size", "sequences", "logits of a sequence among others"},
                    Sin{"leak", "sequences", "logits of a sequence among others"},
                    Sin{"borrow", "checkpointing", "with layers computed again"},
                    Sin{"training", "training", "logits in training, dropout left out"},
                    Sin{"type", "bfloat16", "it throws"}, Sin{"swallow", "refusals", "goes on with something else"},
                    Sin{"twice", "options", "option 'level' given a wrong value gets 2 messages, expected one"}),
    [](const auto& info) { return info.param.name; });

TEST(Check, AGoodMethodKeepsEverything) {
  const io::Json options = {{"sin", "none"}, {"targets", "all-linear"}};
  const auto report = check_method(plugin::load_method(kSinners / "sinner.so"), options, {});
  EXPECT_EQ(with_verdict(report, Verdict::kept).size(), promises().size()) << faults_of(report);
  EXPECT_EQ(report.trials.size(), toy_models().size());
  for (const auto& line : report.lines) EXPECT_GT(line.finding.num_compared(), 0) << line.promise->name;
}

TEST(Check, StartingAsTheBaseModelMustBeSaid) {
  const auto report = check_sinner("none", "modest");
  EXPECT_EQ(with_verdict(report, Verdict::broken), std::vector<std::string>{"start"});
  EXPECT_THAT(faults_of(report), HasSubstr("though it says that it does not"));
  EXPECT_TRUE(check_sinner("not_identity", "modest").kept());
}

TEST(Check, WhatABrokenPromiseIsNeededForIsNotTried) {
  const auto report = check_sinner("leak");
  EXPECT_THAT(with_verdict(report, Verdict::untried), testing::Contains("accumulation"));
  for (const auto& line : report.lines) {
    if (std::string(line.promise->name) == "accumulation") {
      EXPECT_EQ(line.reason, "'sequences' is broken");
    }
  }
}

TEST(Check, OptionsAreVariedUnlessGiven) {
  const auto library = plugin::load_method(kSinners / "sinner.so");
  const auto varied = trials_of(library, io::Json::object(), {"llama"});
  EXPECT_THAT(varied.tried.front().name, "llama");
  const auto has_base = [](const auto& trials) {
    return std::any_of(trials.begin(), trials.end(),
                       [](const Trial& trial) { return trial.name == "llama with sin=base"; });
  };
  EXPECT_TRUE(has_base(varied.tried));
  EXPECT_EQ(trials_of(library, {{"sin", "none"}}, {"llama"}).tried.size(), 1u);
}

template <typename Error>
std::string thrown(const io::Json& options, const std::vector<std::string>& models) {
  try {
    check_method(plugin::load_method(kSinners / "sinner.so"), options, models);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Check, SaysWhyAMethodCannotBeTried) {
  EXPECT_THAT(thrown<PluginError>({{"sin", "throw"}}, {"llama"}),
              HasSubstr("while it was attached to the model: out of ideas"));
  EXPECT_THAT(thrown<ConfigError>({{"sni", "none"}}, {"llama"}),
              HasSubstr("/method/sni: unknown key; did you mean 'sin'?"));
  EXPECT_THAT(thrown<ConfigError>({{"sin", "none"}}, {"lama"}),
              HasSubstr("'lama' is no architecture kind that methods are tried on; there are llama,"));
  EXPECT_THAT(thrown<ConfigError>({{"targets", {"nowhere"}}}, {"llama"}),
              HasSubstr("can be tried on no model; give the options it needs with --set"));
}

}  // namespace
}  // namespace peftlab::check
