// What must not change the result: sharing a beginning, padding, accumulation, recomputation, being interrupted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/train/checkpoint.h"
#include "core/train/trainer.h"
#include "tests/support/scratch.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

train::Settings settings(int64_t steps) {
  train::Settings s;
  s.max_steps = steps;
  s.batch_size = 3;
  s.learning_rate = 1e-2;
  s.schedule = train::Schedule::cosine;
  s.warmup_steps = 1;
  return s;
}

/// Gradients of one forward and backward pass over all sequences.
Tensors gradients(test::Toy& toy, const std::vector<model::Sequence>& sequences, bool share, double* loss = nullptr) {
  const auto batch = model::make_batch(sequences, share);
  const auto losses = toy.decoder->label_losses(batch);
  const auto mean = (losses * batch.label_counts.to(losses.scalar_type())).sum() / static_cast<double>(batch.num_labels);
  for (const auto& t : toy.method().trainable()) torch::Tensor(t.tensor).mutable_grad().reset();
  mean.backward();
  if (loss != nullptr) *loss = mean.item<double>();
  Tensors all;
  for (const auto& t : toy.method().trainable()) all[t.name] = t.tensor.grad().clone();
  return all;
}

void expect_close(const Tensors& a, const Tensors& b, double relative) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_LE(test::difference(tensor, b.at(name)), relative * (1e-12 + tensor.abs().max().item<double>())) << name;
  }
}

class SharedBeginning : public testing::TestWithParam<torch::ScalarType> {};

TEST_P(SharedBeginning, GivesTheLossAndEveryGradientOfTheUnsharedBatch) {
  const double relative = GetParam() == torch::kFloat64 ? 1e-11 : 2e-5;
  for (const bool train_on_all : {false, true}) {
    test::Toy toy(test::kLora, GetParam());
    toy.perturb();
    auto sequences = test::sharing_sequences(4, 9);
    if (train_on_all) {
      for (auto& s : sequences) s.labels = s.ids;
    }
    double shared_loss = 0.0, plain_loss = 0.0;
    const auto shared = gradients(toy, sequences, /*share=*/true, &shared_loss);
    const auto plain = gradients(toy, sequences, /*share=*/false, &plain_loss);
    EXPECT_NEAR(shared_loss, plain_loss, relative * plain_loss);
    expect_close(shared, plain, relative);
    EXPECT_LT(model::make_batch(sequences, true).num_rows(), model::make_batch(sequences, false).num_rows());
    EXPECT_EQ(model::make_batch(sequences, true).num_labels, model::make_batch(sequences, false).num_labels);
  }
}

TEST_P(SharedBeginning, EqualsEachSequenceAlone) {
  test::Toy toy(test::kLora, GetParam());
  toy.perturb();
  const auto sequences = test::sharing_sequences(3, 5);
  const auto together = gradients(toy, sequences, /*share=*/true);
  const int64_t num_labels = model::make_batch(sequences, false).num_labels;
  Tensors alone;
  for (const auto& s : sequences) {
    const double part = static_cast<double>(model::make_batch({s}, false).num_labels) / static_cast<double>(num_labels);
    for (const auto& [name, g] : gradients(toy, {s}, false)) alone[name] = alone.contains(name) ? alone[name] + g * part : g * part;
  }
  expect_close(together, alone, GetParam() == torch::kFloat64 ? 1e-11 : 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Types, SharedBeginning, testing::Values(torch::kFloat32, torch::kFloat64),
                         [](const auto& info) { return info.param == torch::kFloat64 ? std::string("float64") : std::string("float32"); });

/// The trained tensors after a run of `job_settings`.
Tensors trained(const train::Settings& job_settings, const std::string& options, const fs::path& checkpoints = {},
                torch::ScalarType type = torch::kFloat32, const std::function<bool(int64_t)>& stop_after = {}) {
  test::Toy toy(options, type);
  std::atomic<bool> stop{false};
  struct Stopper : train::Observer {
    std::atomic<bool>* stop = nullptr;
    std::function<bool(int64_t)> when;
    void on_step(const train::StepReport& r) override { *stop = when && when(r.step); }
  } observer;
  observer.stop = &stop;
  observer.when = stop_after;
  train::Job job;
  job.decoder = toy.decoder.get();
  job.methods = toy.set.pointers();
  job.examples = test::sharing_sequences(8, 6);
  job.settings = job_settings;
  job.checkpoints = checkpoints;
  job.identity = "test";
  job.stop = &stop;
  train::train(job, observer);
  Tensors all;
  for (const auto& t : toy.method().trainable()) all[t.name] = t.tensor.detach().clone();
  return all;
}

void expect_same_bits(const Tensors& a, const Tensors& b) {
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

TEST(Accumulation, IsTheBigBatchAlsoWhenTheLastWindowIsShort) {
  auto big = settings(6), small = settings(6);
  big.batch_size = 6;
  small.batch_size = 2;
  small.gradient_accumulation = 3;
  expect_close(trained(big, test::kLora, {}, torch::kFloat64), trained(small, test::kLora, {}, torch::kFloat64), 1e-9);
}

TEST(Checkpointing, ChangesNothing) {
  auto plain = settings(3), recomputed = settings(3);
  recomputed.gradient_checkpointing = true;
  expect_close(trained(plain, test::kLora, {}, torch::kFloat64), trained(recomputed, test::kLora, {}, torch::kFloat64), 1e-10);
}

TEST(Seeds, EqualSeedsGiveEqualBits) { expect_same_bits(trained(settings(4), test::kLora), trained(settings(4), test::kLora)); }

class Resume : public testing::TestWithParam<int64_t> {
 protected:
  const test::Scratch scratch_;
  const fs::path& folder_ = scratch_.folder();
};

TEST_P(Resume, EndsWithTheBitsOfARunThatWasNotInterrupted) {
  const std::string with_dropout = R"({"name": "lora", "rank": 4, "alpha": 8, "dropout": 0.3, "targets": "all-linear"})";
  const auto whole = trained(settings(7), with_dropout);
  const auto first = trained(settings(7), with_dropout, folder_, torch::kFloat32, [](int64_t step) { return step == GetParam(); });
  EXPECT_EQ(train::Checkpoints(folder_, "test").steps(), std::vector<int64_t>{GetParam()});
  expect_same_bits(whole, trained(settings(7), with_dropout, folder_));
}

INSTANTIATE_TEST_SUITE_P(After, Resume, testing::Values(1, 2, 3, 5, 6));

TEST_F(Resume, LeavesOutADamagedCheckpoint) {
  auto saving = settings(4);
  saving.save_every.steps = 2;
  saving.keep_last = 5;
  const auto whole = trained(saving, test::kLora, folder_);
  const auto newest = train::Checkpoints(folder_, "test").path_of(4) / "methods.safetensors";
  fs::resize_file(newest, fs::file_size(newest) - 1);
  expect_same_bits(whole, trained(saving, test::kLora, folder_));
}

TEST_F(Resume, RefusesACheckpointOfAnotherRun) {
  trained(settings(2), test::kLora, folder_);
  test::Toy toy(test::kLora);
  train::Updater updater(train::make_slots(toy.set.pointers(), settings(2)), settings(2));
  std::vector<std::string> notes;
  EXPECT_THAT([&] { train::Checkpoints(folder_, "other").resume(toy.set.pointers(), updater, notes); },
              testing::ThrowsMessage<ConfigError>(testing::HasSubstr("is a checkpoint of another run")));
}

TEST(NonFinite, StopsTheRunWithStepAndExamplesOrIsSkippedAndCounted) {
  auto wild = settings(3);
  test::Toy toy(test::kLora);
  {
    torch::NoGradGuard no_grad;
    toy.method().trainable().front().tensor.fill_(std::numeric_limits<float>::quiet_NaN());
  }
  train::Job job;
  job.decoder = toy.decoder.get();
  job.methods = toy.set.pointers();
  job.examples = test::sharing_sequences(4, 3);
  job.settings = wild;
  train::Observer silent;
  EXPECT_THAT([&] { train::train(job, silent); },
              testing::ThrowsMessage<RunError>(testing::AllOf(testing::HasSubstr("step 1"), testing::HasSubstr("training examples"),
                                                              testing::HasSubstr("there is no checkpoint"))));
  job.settings.on_nonfinite = train::OnNonFinite::skip;
  EXPECT_EQ(train::train(job, silent).progress.num_skipped, 3);
}

}  // namespace
}  // namespace peftlab
