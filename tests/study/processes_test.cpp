#include "core/study/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <map>

namespace peftlab::study {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Process shell(const std::string& script, std::vector<std::string> environment = {}) {
  return {{"/bin/sh", "-c", script}, std::move(environment)};
}

struct Recorder final : ProcessWatcher {
  void started(size_t index) override {
    order.push_back(index);
    most_at_once = std::max(most_at_once, ++num_running);
  }
  void line(size_t index, const std::string& text) override { lines[index].push_back(text); }
  void ended(size_t index, const Ending& ending) override {
    endings[index] = ending;
    --num_running;
  }
  void refused(size_t index, const std::string& reason) override { refusals[index] = reason; }
  void tick() override {
    if (on_tick) on_tick();
  }

  std::vector<size_t> order;
  std::map<size_t, std::vector<std::string>> lines;
  std::map<size_t, Ending> endings;
  std::map<size_t, std::string> refusals;
  std::function<void()> on_tick;
  int num_running = 0, most_at_once = 0;
};

const std::atomic<bool> kGoOn{false};

TEST(Processes, EachEndsInItsOwnWay) {
  Recorder recorder;
  run_processes({shell("exit 0"), shell("exit 3"), shell("kill -ABRT $$"), shell("kill -KILL $$"), shell("exit 0")}, 2,
                kGoOn, recorder);
  EXPECT_THAT(recorder.order, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(recorder.most_at_once, 2);
  ASSERT_EQ(recorder.endings.size(), 5u);
  EXPECT_EQ(recorder.endings[1].status, 3);
  EXPECT_EQ(recorder.endings[2].signal, SIGABRT);
  EXPECT_EQ(recorder.endings[3].signal, SIGKILL);
  EXPECT_EQ(recorder.endings[4].status, 0);
  EXPECT_EQ(recorder.endings[4].signal, 0);
}

TEST(Processes, LinesComeWholeAndTheLastWithoutItsEnd) {
  Recorder recorder;
  run_processes({shell("printf 'a\\nb' >&2; echo hidden; printf 'c\\n\\nlast' >&2")}, 1, kGoOn, recorder);
  EXPECT_THAT(recorder.lines[0], ElementsAre("a", "bc", "", "last"));
}

TEST(Processes, EnvironmentIsTheirs) {
  ::setenv("PEFTLAB_TEST_VALUE", "mine", 1);
  Recorder recorder;
  run_processes(
      {shell("echo $PEFTLAB_TEST_VALUE >&2", {"PEFTLAB_TEST_VALUE=theirs"}), shell("echo $PEFTLAB_TEST_VALUE >&2")}, 1,
      kGoOn, recorder);
  ::unsetenv("PEFTLAB_TEST_VALUE");
  EXPECT_THAT(recorder.lines[0], ElementsAre("theirs"));
  EXPECT_THAT(recorder.lines[1], ElementsAre("mine"));
}

TEST(Processes, AnEndedOneIsNotWaitedForBecauseItsChildHoldsThePipe) {
  Recorder recorder;
  const auto begin = std::chrono::steady_clock::now();
  run_processes({shell("sleep 20 & echo $! >&2")}, 1, kGoOn, recorder);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  ASSERT_EQ(recorder.lines[0].size(), 1u);
  ::kill(std::stoi(recorder.lines[0][0]), SIGKILL);
}

TEST(Processes, StopEndsThoseThatRunAndStartsNoMore) {
  std::atomic<bool> stop{false};
  Recorder recorder;
  recorder.on_tick = [&] {
    // The trap is set once the line is there.
    if (recorder.lines[0].size() == 1 && recorder.lines[1].size() == 1) stop = true;
  };
  const std::string careful = "trap 'echo saved >&2; exit 75' TERM; echo ready >&2; while :; do sleep 0.05; done";
  run_processes({shell(careful), shell(careful), shell("exit 0")}, 2, stop, recorder);
  EXPECT_THAT(recorder.order, ElementsAre(0, 1));
  EXPECT_EQ(recorder.endings[0].status, 75);
  EXPECT_EQ(recorder.endings[1].status, 75);
  EXPECT_THAT(recorder.lines[0], Contains("saved"));
}

TEST(Processes, WhatCannotBeStartedDoesNotKeepTheOthers) {
  Recorder recorder;
  run_processes({{{"/does/not/exist"}, {}}, shell("exit 0")}, 1, kGoOn, recorder);
  EXPECT_THAT(recorder.refusals[0], HasSubstr("cannot start /does/not/exist: no such file"));
  EXPECT_EQ(recorder.endings.count(1), 1u);
}

TEST(Processes, EndingsAreTold) {
  EXPECT_EQ(described({3, 0}), "exit status 3");
  EXPECT_THAT(described({0, SIGKILL}), StartsWith("killed (SIGKILL): out of memory"));
  EXPECT_EQ(described({0, SIGSEGV}), "crashed (SIGSEGV)");
}

}  // namespace
}  // namespace peftlab::study
