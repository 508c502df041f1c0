// Prompts and prefixes: what must not change what they compute, and what brings it back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/evaluate/generate.h"
#include "core/model/labels.h"
#include "core/plugin/adapter_folder.h"
#include "core/plugin/json_value.h"
#include "core/train/checkpoint.h"
#include "core/train/trainer.h"
#include "tests/lab/prompt_options.h"
#include "tests/support/scratch.h"
#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using test::difference;
using testing::HasSubstr;

torch::Tensor logits_of(const model::Decoder& decoder, const std::vector<int64_t>& ids) {
  const torch::NoGradGuard no_grad;
  return decoder.logits(decoder.hidden(model::make_batch({model::unlabelled(ids)}, false)));
}

class Prompts : public testing::TestWithParam<const char*> {
 protected:
  std::string options() const { return GetParam(); }
  std::string without_dropout() const {
    return options() == test::kLstm ? options().substr(0, options().rfind(',')) + "}" : options();
  }
};

/// The loss over all sequences and the gradients of every trained tensor, with rows filled up to a multiple.
std::pair<double, Tensors> trained_once(test::Toy& toy, const std::vector<model::Sequence>& sequences, bool share,
                                        int64_t row_multiple = 1) {
  auto batch = model::labelled_batch(*toy.decoder, sequences, share);
  model::fill_rows(batch, toy.decoder->num_virtual_rows(), row_multiple);
  EXPECT_EQ((batch.num_rows() + toy.decoder->num_virtual_rows()) % row_multiple, 0);
  const auto losses = toy.decoder->label_losses(batch);
  const auto mean =
      (losses * batch.label_counts.to(losses.scalar_type())).sum() / static_cast<double>(batch.num_labels);
  for (const auto& t : toy.method().trainable()) torch::Tensor(t.tensor).mutable_grad().reset();
  mean.backward();
  Tensors all;
  for (const auto& t : toy.method().trainable()) all[t.name] = t.tensor.grad().clone();
  return {mean.item<double>(), all};
}

void expect_equal(const std::pair<double, Tensors>& a, const std::pair<double, Tensors>& b) {
  EXPECT_NEAR(a.first, b.first, 1e-11 * a.first);
  for (const auto& [name, gradient] : a.second) {
    EXPECT_GT(test::magnitude(gradient), 0.0) << name;
    EXPECT_LE(difference(gradient, b.second.at(name)), 1e-10 * test::magnitude(gradient)) << name;
  }
}

TEST_P(Prompts, SharingFilledRowsCheckpointingAndSingleSequencesChangeNothing) {
  test::Toy toy(without_dropout(), torch::kFloat64);
  toy.perturb();
  auto sequences = test::sharing_sequences(4, 9);
  for (auto& s : sequences) s.labels = s.ids;  // the first tokens' labels too, which only virtual tokens can predict
  const auto plain = trained_once(toy, sequences, /*share=*/false);
  expect_equal(plain, trained_once(toy, sequences, /*share=*/true));
  for (const int64_t multiple : {32, 37}) expect_equal(plain, trained_once(toy, sequences, /*share=*/true, multiple));
  toy.decoder->set_checkpointing(true);
  expect_equal(plain, trained_once(toy, sequences, /*share=*/true));
  toy.decoder->set_checkpointing(false);
  const auto num_labels = static_cast<double>(model::labelled_batch(*toy.decoder, sequences, false).num_labels);
  std::pair<double, Tensors> sum;
  for (const auto& s : sequences) {
    const double part = static_cast<double>(model::labelled_batch(*toy.decoder, {s}, false).num_labels) / num_labels;
    const auto [loss, gradients] = trained_once(toy, {s}, false);
    sum.first += part * loss;
    for (const auto& [name, g] : gradients)
      sum.second[name] = sum.second.contains(name) ? sum.second[name] + g * part : g * part;
  }
  expect_equal(plain, sum);
}

TEST_P(Prompts, ContinuationsEqualAFullPassForEachToken) {
  test::Toy toy(options());
  toy.perturb();
  toy.method().train(false);
  // Of one token, of equal beginnings, of none in common: what is shared is nothing, much, or only the virtual tokens.
  const std::vector<std::vector<std::vector<int64_t>>> groups = {
      {{17}}, {{3, 4, 5, 6}, {3, 4, 5, 9, 10, 11}, {3, 4, 5}}, {{5, 6, 7}, {8}}};
  for (const auto& prompts : groups) {
    evaluate::GenerateOptions generation;
    generation.max_new_tokens = 6;
    const auto answers = evaluate::generate(*toy.decoder, nullptr, prompts, generation);
    for (size_t i = 0; i < prompts.size(); ++i) {
      auto ids = prompts[i];
      for (const int64_t id : answers[i].ids) {
        const auto scores = logits_of(*toy.decoder, ids);
        EXPECT_EQ(scores[-1].argmax().item<int64_t>(), id) << "prompt " << i << " after " << ids.size() << " tokens";
        ids.push_back(id);
      }
    }
  }
}

TEST_P(Prompts, SwitchedOffTheBaseModelAnswers) {
  test::Toy toy(options());
  const model::Decoder base(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  const std::vector<int64_t> ids = {3, 14, 15, 92, 6};
  const auto expected = logits_of(base, ids);
  EXPECT_GT(difference(logits_of(*toy.decoder, ids).narrow(0, toy.decoder->num_virtual_rows(), 5), expected), 1e-3);
  const model::PatchesOff off(*toy.decoder);
  EXPECT_TRUE(torch::equal(logits_of(*toy.decoder, ids), expected));
  evaluate::GenerateOptions generation;
  generation.max_new_tokens = 4;
  EXPECT_EQ(evaluate::generate(*toy.decoder, nullptr, {{5}}, generation)[0].ids,
            evaluate::generate(base, nullptr, {{5}}, generation)[0].ids);
}

TEST_P(Prompts, TheAdapterReadsBackAsATableWithEqualLogits) {
  test::Toy toy(options());
  toy.perturb();
  toy.method().train(false);
  const auto adapter = toy.method().adapter("models/llama");
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  plugin::DecoderPoints points(decoder, /*seed=*/0, {});
  plugin::AttachedMethod read(plugin::create_from_adapter(adapter, "folder"), points, &adapter);
  const std::vector<int64_t> ids = {3, 14, 15, 92, 6};
  EXPECT_TRUE(torch::equal(logits_of(decoder, ids), logits_of(*toy.decoder, ids)));
  EXPECT_EQ(read.num_trainable(), adapter.tensors.at("prompt_embeddings").numel());
  const auto again = read.adapter("models/llama");
  EXPECT_TRUE(torch::equal(again.tensors.at("prompt_embeddings"), adapter.tensors.at("prompt_embeddings")));
  for (const auto& [field, value] : adapter.config.items()) {
    ASSERT_NE(again.config.find(field), nullptr) << field;
    EXPECT_EQ(plugin::to_json(*again.config.find(field)), plugin::to_json(value)) << field;
  }
}

TEST_P(Prompts, TheSeedDecidesTheStart) {
  test::Toy first(options()), same(options()), other(options(), torch::kFloat32, /*seed=*/1);
  const auto table = [](test::Toy& toy) { return toy.method().adapter("").tensors.at("prompt_embeddings"); };
  EXPECT_TRUE(torch::equal(table(first), table(same)));
  EXPECT_FALSE(torch::equal(table(first), table(other)));
}

TEST_P(Prompts, AnInterruptedRunEndsWithTheSameBits) {
  const test::Scratch scratch;
  struct Stopper : train::Observer {
    std::atomic<bool> stop{false};
    int64_t after = 0;
    void on_step(const train::StepReport& r) override { stop = r.step == after; }
  };
  const auto state_after = [&](const fs::path& checkpoints, int64_t stop_after) {
    test::Toy toy(options());
    Stopper observer;
    observer.after = stop_after;
    train::Job job;
    job.decoder = toy.decoder.get();
    job.methods = toy.set.pointers();
    job.examples = test::sharing_sequences(6, 4);
    job.settings.max_steps = 6;
    job.settings.batch_size = 2;
    job.settings.gradient_accumulation = 2;
    job.settings.learning_rate = 1e-2;
    job.checkpoints = checkpoints;
    job.stop = &observer.stop;
    train::train(job, observer);
    Tensors state;
    for (const auto& [name, tensor] : toy.method().state()) state[name] = tensor.detach().clone();
    return state;
  };
  const auto whole = state_after({}, 0);
  state_after(scratch.folder(), 2);
  for (const auto& [name, tensor] : state_after(scratch.folder(), 0)) EXPECT_TRUE(torch::equal(tensor, whole.at(name))) << name;
}

std::string kind_of(const testing::TestParamInfo<const char*>& info) {
  static const char* names[] = {"prompt", "p_mlp", "p_lstm", "prefix", "prefix_projected"};
  return names[info.index];
}

INSTANTIATE_TEST_SUITE_P(Of, Prompts,
                         testing::Values(test::kPrompt, test::kMlp, test::kLstm, test::kPrefix, test::kProjected),
                         kind_of);

TEST(PromptsTogether, APrefixStandsBeforeVirtualTokens) {
  test::Toy both(test::kPrompt);
  const auto document = io::parse_json(test::kPrefix, "test.json");
  io::Mistakes mistakes;
  plugin::AttachedMethod prefix(plugin::create_method(plugin::find_method("prefix_tuning"), document, "", mistakes),
                                *both.set.points);
  EXPECT_EQ(both.decoder->num_virtual_positions(), 10);
  evaluate::GenerateOptions generation;
  generation.max_new_tokens = 3;
  const auto answer = evaluate::generate(*both.decoder, nullptr, {{5}}, generation)[0].ids;
  EXPECT_EQ(logits_of(*both.decoder, {5})[-1].argmax().item<int64_t>(), answer[0]);
  EXPECT_EQ(logits_of(*both.decoder, {5, answer[0]})[-1].argmax().item<int64_t>(), answer[1]);
  EXPECT_THAT(test::message_of([&] {
                plugin::AttachedMethod again(
                    plugin::create_method(plugin::find_method("prefix_tuning"), document, "", mistakes),
                    *both.set.points);
              }),
              HasSubstr("the prefix is filled twice: by prefix_tuning and by prefix_tuning"));
  const auto rows = io::parse_json(test::kPrompt, "test.json");
  EXPECT_THAT(test::message_of([&] {
                plugin::AttachedMethod again(
                    plugin::create_method(plugin::find_method("prompt_tuning"), rows, "", mistakes), *both.set.points);
              }),
              HasSubstr("the virtual tokens are filled twice: by prompt_tuning and by prompt_tuning"));
}

}  // namespace
}  // namespace peftlab
