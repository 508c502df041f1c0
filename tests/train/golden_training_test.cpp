// Thirty optimizer steps against the fixtures: loss, learning rate, gradient norm, final tensors.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/plugin/adapter_folder.h"
#include "core/plugin/json_value.h"
#include "core/train/order.h"
#include "core/train/trainer.h"
#include "tests/support/golden.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

struct Steps : train::Observer {
  std::vector<train::StepReport> all;
  void on_step(const train::StepReport& report) override { all.push_back(report); }
};

/// Every folder of tests/golden/training that says which adapter was trained.
std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(test::golden("training"))) {
    if (fs::exists(entry.path() / "adapter_config.json")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenTraining : public testing::TestWithParam<std::tuple<std::string, torch::ScalarType>> {
 protected:
  bool exact() const { return std::get<1>(GetParam()) == torch::kFloat64; }
  std::string file(const std::string& name) const { return "training/" + std::get<0>(GetParam()) + "/" + name; }
  std::string run() const { return file(exact() ? "float64" : "float32"); }
};

train::Settings settings_of(const io::Json& meta) {
  train::Settings s;
  s.max_steps = meta.at("steps").get<int64_t>();
  s.batch_size = 2;
  s.gradient_accumulation = meta.at("gradient_accumulation");
  s.learning_rate = meta.at("lr");
  s.beta1 = meta.at("betas")[0];
  s.beta2 = meta.at("betas")[1];
  s.epsilon = meta.at("eps");
  s.weight_decay = meta.at("weight_decay");
  s.no_decay_on_vectors = false;
  s.clip_norm = meta.at("clip_grad_norm");
  s.schedule = meta.at("schedule") == "cosine" ? train::Schedule::cosine : train::Schedule::linear;
  s.warmup_steps = meta.at("warmup_steps").get<int64_t>();
  return s;
}

/// The fixture's micro-batches in their order, laid so that the seeded shuffle gives that order back.
std::vector<model::Sequence> ordered_examples(const Tensors& batches, const train::Settings& settings) {
  const int64_t rows = batches.at("input_ids").size(1), num_batches = batches.at("input_ids").size(0);
  train::Order order(/*seed=*/0, train::make_plan(settings, num_batches * rows));
  std::vector<model::Sequence> given;
  for (int64_t i = 0; i < num_batches; ++i) {
    for (auto& sequence :
         test::sequences(batches.at("input_ids")[i], batches.at("attention_mask")[i], batches.at("labels")[i])) {
      given.push_back(std::move(sequence));
    }
  }
  std::vector<model::Sequence> examples(given.size());
  size_t next = 0;
  for (int64_t step = 1; step <= *settings.max_steps; ++step) {
    for (const size_t place : order.of_step(step)) examples[place] = given[next++];
  }
  return examples;
}

/// PEFT's name of a trained tensor while it trains: what makes a prompt is in a module of its own.
std::string name_in_training(const std::string& name) {
  if (name.starts_with("base_model.")) return name;
  return "prompt_encoder." + (name == "prompt_embeddings" ? "embedding.weight" : name);
}

/// A model with the method of the case, from its start as drawn to the fixture's.
struct Trained {
  std::unique_ptr<model::Decoder> decoder;
  lab::MethodSet set;

  Trained(const fs::path& folder, const io::Json& meta, const Tensors& start, torch::ScalarType type) {
    decoder = std::make_unique<model::Decoder>(*model::open_weights(test::golden(meta.at("base"))), type, torch::kCPU);
    const Adapter adapter{plugin::to_fields(io::read_json(folder / "adapter_config.json").value), {}};
    std::vector<plugin::CreatedMethod> created;
    created.push_back(plugin::create_from_adapter(adapter, folder.string()));
    set = lab::attach_methods(*decoder, std::move(created), /*seed=*/0, nullptr);
    const torch::NoGradGuard no_grad;
    for (const auto& t : trainable()) torch::Tensor(t.tensor).copy_(start.at("initial." + name_in_training(t.name)));
  }
  const std::vector<plugin::Trainable>& trainable() const { return set.methods.front()->trainable(); }
};

TEST_P(GoldenTraining, EqualsPeftStepByStep) {
  const auto meta = io::read_json(test::golden(file("meta.json"))).value;
  const auto expected = io::read_json(test::golden(run() + ".json")).value;
  const auto start = test::golden_tensors(file("float64.safetensors"));
  Trained model(test::golden(file("")), meta, start, std::get<1>(GetParam()));
  train::Job job;
  job.decoder = model.decoder.get();
  job.methods = model.set.pointers();
  job.settings = settings_of(meta);
  job.examples = ordered_examples(test::golden_tensors(file("batches.safetensors")), job.settings);
  Steps steps;
  train::train(job, steps);
  ASSERT_EQ(steps.all.size(), expected.size());
  const double loss_tolerance = exact() ? 1e-9 : 1e-4;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& step = expected[i];
    EXPECT_DOUBLE_EQ(steps.all[i].learning_rate, step.at("lr").get<double>()) << "step " << i + 1;
    EXPECT_NEAR(steps.all[i].loss, step.at("loss").get<double>(), loss_tolerance) << "step " << i + 1;
    EXPECT_NEAR(steps.all[i].gradient_norm, step.at("grad_norm").get<double>(), 10 * loss_tolerance)
        << "step " << i + 1;
  }
  const auto tensors = test::golden_tensors(run() + ".safetensors");
  size_t num_final = 0;
  for (const auto& [name, tensor] : tensors) num_final += name.starts_with("final.") ? 1 : 0;
  EXPECT_EQ(model.trainable().size(), num_final);
  for (const auto& t : model.trainable()) {
    EXPECT_LT(test::difference(t.tensor, tensors.at("final." + name_in_training(t.name))), exact() ? 1e-8 : 1e-3)
        << t.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, GoldenTraining,
                         testing::Combine(testing::ValuesIn(cases()),
                                          testing::Values(torch::kFloat32, torch::kFloat64)),
                         [](const auto& info) {
                           const bool exact = std::get<1>(info.param) == torch::kFloat64;
                           return std::get<0>(info.param) + (exact ? "_float64" : "_float32");
                         });

}  // namespace
}  // namespace peftlab
