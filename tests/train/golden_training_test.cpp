// Thirty optimizer steps against the fixtures: loss, learning rate, gradient norm, final tensors.
#include <gtest/gtest.h>

#include "core/train/order.h"
#include "core/train/trainer.h"
#include "tests/support/golden.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

struct Steps : train::Observer {
  std::vector<train::StepReport> all;
  void on_step(const train::StepReport& report) override { all.push_back(report); }
};

class GoldenTraining : public testing::TestWithParam<torch::ScalarType> {
 protected:
  bool exact() const { return GetParam() == torch::kFloat64; }
  std::string run() const { return exact() ? "float64" : "float32"; }
};

train::Settings settings_of(const io::Json& meta) {
  train::Settings s;
  s.max_steps = meta.at("steps").get<int64_t>();
  s.batch_size = 2;
  s.learning_rate = meta.at("lr");
  s.beta1 = meta.at("betas")[0];
  s.beta2 = meta.at("betas")[1];
  s.epsilon = meta.at("eps");
  s.weight_decay = meta.at("weight_decay");
  s.clip_norm = meta.at("clip_grad_norm");
  s.schedule = train::Schedule::cosine;
  s.warmup_steps = meta.at("warmup_steps").get<int64_t>();
  return s;
}

/// The fixture's batches in its order, laid so that the seeded shuffle gives that order back.
std::vector<model::Sequence> ordered_examples(const Tensors& batches, const train::Settings& settings) {
  const int64_t steps = batches.at("input_ids").size(0), rows = batches.at("input_ids").size(1);
  train::Order order(/*seed=*/0, train::make_plan(settings, steps * rows));
  std::vector<model::Sequence> examples(static_cast<size_t>(steps * rows));
  for (int64_t step = 0; step < steps; ++step) {
    const auto given = test::sequences(batches.at("input_ids")[step], batches.at("attention_mask")[step], batches.at("labels")[step]);
    const auto places = order.of_step(step + 1);
    for (size_t i = 0; i < places.size(); ++i) examples[places[i]] = given[i];
  }
  return examples;
}

TEST_P(GoldenTraining, LoraEqualsPeftStepByStep) {
  const auto meta = io::read_json(test::golden("training/lora/meta.json")).value;
  const auto expected = io::read_json(test::golden("training/lora/" + run() + ".json")).value;
  const auto tensors = test::golden_tensors("training/lora/" + run() + ".safetensors");
  const auto start = test::golden_tensors("training/lora/float64.safetensors");
  test::Toy toy(R"({"name": "lora", "rank": 8, "alpha": 16, "targets": ["q_proj", "v_proj"]})", GetParam());
  for (const auto& t : toy.method().trainable()) {
    torch::NoGradGuard no_grad;
    t.tensor.copy_(start.at("initial." + t.name));
  }
  train::Job job;
  job.decoder = toy.decoder.get();
  job.methods = toy.set.pointers();
  job.settings = settings_of(meta);
  job.examples = ordered_examples(test::golden_tensors("training/lora/batches.safetensors"), job.settings);
  Steps steps;
  train::train(job, steps);
  ASSERT_EQ(steps.all.size(), expected.size());
  const double loss_tolerance = exact() ? 1e-9 : 1e-4;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(steps.all[i].learning_rate, expected[i].at("lr").get<double>()) << "step " << i + 1;
    EXPECT_NEAR(steps.all[i].loss, expected[i].at("loss").get<double>(), loss_tolerance) << "step " << i + 1;
    EXPECT_NEAR(steps.all[i].gradient_norm, expected[i].at("grad_norm").get<double>(), 10 * loss_tolerance) << "step " << i + 1;
  }
  for (const auto& t : toy.method().trainable()) {
    EXPECT_LT(test::difference(t.tensor, tensors.at("final." + t.name)), exact() ? 1e-8 : 1e-3) << t.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GoldenTraining, testing::Values(torch::kFloat32, torch::kFloat64),
                         [](const auto& info) { return info.param == torch::kFloat64 ? std::string("float64") : std::string("float32"); });

}  // namespace
}  // namespace peftlab
