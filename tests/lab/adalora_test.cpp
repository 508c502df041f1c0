// AdaLoRA's allocation of ranks: against PEFT step by step, its schedule, its penalty, and what is saved of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "core/plugin/adapter_folder.h"
#include "core/train/order.h"
#include "tests/support/scratch.h"
#include "tests/support/tolerance.h"
#include "tests/support/trained.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::string adalora(const std::string& more) {
  return R"({"name":"adalora","init_rank":4,"target_rank":2,"alpha":8,"targets":["q_proj","v_proj"])" +
         (more.empty() ? "" : "," + more) + "}";
}

torch::Tensor state(test::Toy& toy, const std::string& name) { return toy.method().state().at(name); }

torch::Tensor kept(test::Toy& toy, const std::string& module) { return state(toy, "weight/" + module + "/kept"); }

const Report::Series& budgets(const Report& report) { return report.series.at(0); }

int64_t sum_of_ranks(const Report& report) {
  int64_t sum = 0;
  for (const auto& row : report.tables.at(0).rows) sum += row.at(1).integer();
  return sum;
}

train::Settings fixture_settings(const io::Json& meta) {
  auto settings = test::plain_settings(meta.at("steps"), meta.at("lr"));
  settings.batch_size = 2;
  settings.beta1 = meta.at("betas")[0];
  settings.beta2 = meta.at("betas")[1];
  settings.epsilon = meta.at("eps");
  settings.weight_decay = meta.at("weight_decay");
  settings.no_decay_on_vectors = false;
  settings.clip_norm = meta.at("clip_grad_norm");
  settings.schedule = train::Schedule::linear;
  settings.warmup_steps = meta.at("warmup_steps").get<int64_t>();
  return settings;
}

// The fixture's rows, laid so that the seeded shuffle gives their order back.
std::vector<model::Sequence> fixture_examples(const Tensors& batches, const train::Settings& settings) {
  const int64_t rows = batches.at("input_ids").size(1);
  train::Order order(/*seed=*/0, train::make_plan(settings, *settings.max_steps * rows));
  std::vector<model::Sequence> examples(static_cast<size_t>(*settings.max_steps * rows));
  for (int64_t step = 0; step < *settings.max_steps; ++step) {
    const auto given =
        test::sequences(batches.at("input_ids")[step], batches.at("attention_mask")[step], batches.at("labels")[step]);
    const auto places = order.of_step(step + 1);
    for (size_t i = 0; i < places.size(); ++i) examples[places[i]] = given[i];
  }
  return examples;
}

class AgainstPeft : public testing::TestWithParam<torch::ScalarType> {
 protected:
  AgainstPeft()
      : toy_(
            R"({"name":"adalora","init_rank":6,"target_rank":2,"alpha":12,"tinit":5,"tfinal":10,"delta_t":2,"orth_reg_weight":0.5,
                 "targets":["q_proj","k_proj","v_proj","o_proj"]})",
            GetParam()),
        steps_(io::read_json(test::golden("training/adalora/" + type() + ".json")).value) {
    const auto start = test::golden_tensors("training/adalora/float64.safetensors");
    const torch::NoGradGuard no_grad;
    for (const auto& t : toy_.method().trainable()) torch::Tensor(t.tensor).copy_(start.at("initial." + t.name));
  }
  static bool exact() { return GetParam() == torch::kFloat64; }
  static std::string type() { return exact() ? "float64" : "float32"; }

  void expect_step(const io::Json& step) {
    const auto number = "step " + step.at("step").dump();
    for (const auto& [name, count] : step.at("zero_E").items()) {
      for (const auto& t : toy_.method().trainable()) {
        if (t.name != name) continue;
        EXPECT_EQ((t.tensor == 0).sum().item<int64_t>(), count.get<int64_t>()) << number << name;
      }
    }
    if (!step.contains("threshold")) return;
    const double threshold = step.at("threshold");
    EXPECT_NEAR(state(toy_, "method/threshold").item<double>(), threshold, threshold * (exact() ? 1e-8 : 2e-3))
        << number;
    for (const auto& [name, flags] : step.at("rank_pattern").items()) {
      const auto mine = kept(toy_, name.substr(0, name.rfind('.')));
      for (size_t i = 0; i < flags.size(); ++i)
        EXPECT_EQ(mine[static_cast<int64_t>(i)].item<bool>(), flags[i].get<bool>()) << number << name;
    }
    ++num_masks_;
  }

  test::Toy toy_;
  io::Json steps_;
  int num_masks_ = 0;
};

TEST_P(AgainstPeft, EveryStepHasItsBudgetThresholdAndTriplets) {
  const auto meta = io::read_json(test::golden("training/adalora/meta.json")).value;
  test::Watch watch;
  watch.each = [&](const train::StepReport& report) {
    const auto& step = steps_.at(static_cast<size_t>(report.step - 1));
    EXPECT_NEAR(report.loss_penalty, step.at("loss_regulariser").get<double>(), exact() ? 1e-9 : 1e-5) << report.step;
    expect_step(step);
    return false;
  };
  train::Job job;
  job.decoder = toy_.decoder.get();
  job.methods = toy_.set.pointers();
  job.settings = fixture_settings(meta);
  job.examples = fixture_examples(test::golden_tensors("training/adalora/batches.safetensors"), job.settings);
  train::train(job, watch);
  EXPECT_EQ(num_masks_, 8);
  const auto report = toy_.method().method().report();
  ASSERT_EQ(budgets(report).values.size(), steps_.size());
  for (size_t i = 0; i < steps_.size(); ++i)
    EXPECT_EQ(budgets(report).values[i], steps_[i].at("budget").get<double>()) << "step " << i + 1;
  EXPECT_EQ(sum_of_ranks(report), 16);
}

INSTANTIATE_TEST_SUITE_P(Types, AgainstPeft, testing::Values(torch::kFloat32, torch::kFloat64), [](const auto& info) {
  return info.param == torch::kFloat64 ? std::string("float64") : std::string("float32");
});

TEST(AdaLora, ResumesToTheSameBitsBeforeWhileAndAfterItAllocates) {
  const auto options = adalora(R"("tinit":2,"tfinal":3,"delta_t":2,"dropout":0.2)");
  const auto finish = [&](int64_t stop_after, const fs::path& folder) {
    test::Toy toy(options);
    test::Watch watch;
    watch.each = [&](const train::StepReport& report) { return report.step == stop_after; };
    test::train_toy(toy, test::plain_settings(10), watch, folder);
    Tensors all;
    for (const auto& [name, tensor] : toy.method().state()) all[name] = tensor.detach().clone();
    return all;
  };
  const auto whole = finish(0, {});
  for (const int64_t stop : {1, 5, 7, 9}) {
    const test::Scratch scratch;
    finish(stop, scratch.folder());
    const auto resumed = finish(0, scratch.folder());
    for (const auto& [name, tensor] : whole) {
      EXPECT_TRUE(torch::equal(tensor.nan_to_num(), resumed.at(name).nan_to_num())) << "after " << stop << ": " << name;
    }
  }
}

TEST(AdaLora, FollowsTheStepsOfTheRun) {
  const auto message = [](const std::string& more, int64_t steps) {
    test::Toy toy(adalora(more));
    return test::message_of([&] { toy.method().method().begin({steps, 1e-3}); });
  };
  EXPECT_EQ(message(R"("tinit":2,"tfinal":3)", 6), "nothing was thrown");
  EXPECT_THAT(message(R"("tinit":3,"tfinal":3)", 6),
              HasSubstr("tinit, tfinal: 3 and 3 leave none of the run's 6 optimizer steps to allocate ranks in; "
                        "expected tinit < 6 - tfinal"));
  EXPECT_THAT(message(R"("total_steps":30)", 6),
              HasSubstr("total_steps: is 30, but the run has 6 optimizer steps; leave it out"));
}

TEST(AdaLora, EqualScoresPruneMoreThanAskedAndAMissedLastStepIsMadeUpFor) {
  test::Toy toy(adalora(R"("tfinal":2)"));
  auto& method = toy.method().method();
  method.begin({6, 1e-3});
  for (const auto& t : toy.method().trainable()) torch::Tensor(t.tensor).mutable_grad() = torch::zeros_like(t.tensor);
  toy.perturb();
  for (const int64_t step : {1, 2, 3}) method.after_step(step);
  EXPECT_EQ(state(toy, "method/threshold").item<double>(), 0.0);
  EXPECT_EQ(sum_of_ranks(method.report()), 0);
  test::Toy late(adalora(R"("tfinal":2,"delta_t":100)"));
  auto& skipped = late.method().method();
  skipped.begin({6, 1e-3});
  late.perturb();
  torch::manual_seed(3);
  for (const auto& t : late.method().trainable()) torch::Tensor(t.tensor).mutable_grad() = torch::randn_like(t.tensor);
  for (const int64_t step : {1, 2, 3, 5}) skipped.after_step(step);
  EXPECT_EQ(sum_of_ranks(skipped.report()), 4 * 2);
}

TEST(AdaLora, WithEqualRanksNothingIsPruned) {
  test::Toy toy(R"({"name":"adalora","init_rank":3,"target_rank":3,"targets":["q_proj"]})");
  test::Watch watch;
  test::train_toy(toy, test::plain_settings(3), watch);
  EXPECT_EQ(sum_of_ranks(toy.method().method().report()), 6);
  EXPECT_TRUE(toy.method().adapter("b").config.find("rank_pattern")->is_null());
}

TEST(AdaLora, MatricesWithoutAnyTripletAreSavedAndRead) {
  test::Toy toy(adalora(""));
  toy.perturb();
  const std::string query = "model.layers.0.self_attn.q_proj", value = "model.layers.1.self_attn.v_proj";
  {
    const torch::NoGradGuard no_grad;
    state(toy, "method/threshold").fill_(0.5);
    kept(toy, query).fill_(false);
    state(toy, "weight/" + query + "/lora_E").fill_(0.0);
    kept(toy, value)[1] = false;
    kept(toy, value)[2] = false;
    state(toy, "weight/" + value + "/lora_E")[1] =
        0.0;  // the third was moved by the optimizer after the mask: it counts
  }
  const auto saved = toy.method().adapter("base");
  EXPECT_EQ(saved.tensors.at("base_model.model." + query + ".lora_A").sizes(), (std::vector<int64_t>{0, 32}));
  EXPECT_EQ(saved.tensors.at("base_model.model." + value + ".lora_B").sizes(), (std::vector<int64_t>{16, 3}));
  EXPECT_EQ(saved.config.find("rank_pattern")->fields().find(value + ".lora_E")->list().size(), 4u);

  const test::Scratch scratch;
  plugin::write_adapter(scratch / "adapter", saved);
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  auto set = lab::attach_adapter(decoder, scratch / "adapter", nullptr);
  toy.method().train(false);
  const auto batch = model::make_batch(test::sharing_sequences(2, 5), false);
  EXPECT_LT(test::difference(decoder.logits(decoder.hidden(batch)), toy.decoder->logits(toy.decoder->hidden(batch))),
            2e-5);
  const auto again = set.methods.front()->adapter("base");
  ASSERT_EQ(again.tensors.size(), saved.tensors.size());
  for (const auto& [name, tensor] : saved.tensors) EXPECT_TRUE(torch::equal(again.tensors.at(name), tensor)) << name;
  EXPECT_EQ(sum_of_ranks(set.methods.front()->method().report()), 0 + 4 + 4 + 3);
  const auto loss = decoder.label_losses(batch).sum() + set.methods.front()->method().penalty();
  loss.backward();
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
}

TEST(AdaLora, TrainsAsManyNumbersAsTheFormulaSays) {
  test::Toy toy(adalora(""));
  int64_t expected = 0;
  for (const auto& slot : toy.decoder->weights().linears()) {
    const auto& name = slot.base.name();
    if (name.ends_with("q_proj") || name.ends_with("v_proj")) expected += 4 * (slot.base.in() + slot.base.out() + 1);
  }
  EXPECT_EQ(toy.method().num_trainable(), expected);
}

TEST(AdaLora, RefusesWhatCannotBe) {
  const auto made = [](const std::string& more) {
    return test::message_of([&] { test::Toy toy(R"({"name":"adalora",)" + more + "}"); });
  };
  EXPECT_THAT(
      made(R"("init_rank":0,"target_rank":0,"alpha":0,"delta_t":0,"beta1":1)"),
      AllOf(HasSubstr("/method/init_rank: expected an integer"), HasSubstr("/method/target_rank: expected an integer"),
            HasSubstr("/method/alpha: expected a number"), HasSubstr("/method/delta_t"), HasSubstr("/method/beta1")));
  EXPECT_THAT(made(R"("init_rank":2,"target_rank":3)"),
              HasSubstr("/method/target_rank: is 3, expected at most init_rank, 2"));
  EXPECT_THAT(made(R"("total_steps":10,"tinit":5,"tfinal":5)"),
              HasSubstr("/method/tinit: expected less than total_steps - tfinal"));
  EXPECT_THAT(made(R"("init_rank":17,"target_rank":2,"targets":["v_proj"])"),
              HasSubstr("/method/init_rank: 17 is above that of 'model.layers.0.self_attn.v_proj', a matrix of 16 x "
                        "32; expected at most 16"));
  EXPECT_THAT(made(R"("targets":["embed_tokens"])"),
              HasSubstr("targets: the embedding table has no singular triplets here"));
  EXPECT_THAT(made(R"("rank_pattern":{"model.layers.0.self_attn.q_proj.lora_E":[true]})"),
              HasSubstr("/method/rank_pattern: expected init_rank flags under a name that ends in '.lora_E', got 1"));
  EXPECT_THAT(made(R"("rank_pattern":{"q_proj.lora_E":3})"),
              HasSubstr("/method/rank_pattern: expected a list, got an integer"));
  EXPECT_THAT(made(R"("init_rank":1,"target_rank":1,"rank_pattern":{"q_proj.lora_E":[true]})"),
              HasSubstr("rank_pattern: is for an adapter that is read; leave it out"));
}

}  // namespace
}  // namespace peftlab
