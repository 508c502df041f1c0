// Prompts and prefixes: encoders and starts against the fixtures, and wrong use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/labels.h"
#include "core/plugin/adapter_folder.h"
#include "core/train/trainer.h"
#include "tests/lab/prompt_options.h"
#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

using test::difference;
using testing::HasSubstr;

/// A method on the small llama whose texts have the ids given.
struct WithText {
  model::Decoder decoder{*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU};
  plugin::DecoderPoints points;
  std::unique_ptr<plugin::AttachedMethod> method;

  WithText(const std::string& options, std::vector<int64_t> ids)
      : points(decoder, /*seed=*/0, [ids](const std::string&) { return ids; }) {
    const auto document = io::parse_json(options, "test.json");
    io::Mistakes mistakes;
    auto created = plugin::create_method(plugin::find_method(document.value.at("name")), document, "", mistakes);
    mistakes.throw_if_any();
    method = std::make_unique<plugin::AttachedMethod>(std::move(created), points);
  }
  torch::Tensor table() const { return method->adapter("").tensors.at("prompt_embeddings"); }
};

std::string refusal(const std::string& options, std::vector<int64_t> ids = {1, 2}) {
  return test::message_of([&] { WithText(options, ids); });
}

std::vector<int64_t> ids_of(const torch::Tensor& ids) {
  return {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()};
}

struct Encoded {
  const char* name;
  const char* options;
};

class EncoderOfPeft : public testing::TestWithParam<Encoded> {};

TEST_P(EncoderOfPeft, GivesTheSameTableLossAndGradients) {
  const std::string folder = std::string("methods/") + GetParam().name;
  const auto known = test::golden_tensors(folder + "/io.safetensors");
  const auto meta = io::read_json(test::golden(folder + "/meta.json")).value;
  test::Toy toy(GetParam().options);
  EXPECT_EQ(toy.set.num_trainable(), meta.at("trainable_parameters").get<int64_t>());
  for (const auto& t : toy.method().trainable()) {
    const torch::NoGradGuard no_grad;
    torch::Tensor(t.tensor).copy_(known.at("param.prompt_encoder." + t.name));
  }
  const auto saved = toy.method().adapter("").tensors;
  ASSERT_EQ(saved.size(), 1u);
  const auto table = test::golden_tensors(folder + "/adapter_model.safetensors").at("prompt_embeddings");
  EXPECT_LT(difference(saved.at("prompt_embeddings"), table), 1e-6 * test::magnitude(table) + 1e-7);
  const auto batch = model::labelled_batch(
      *toy.decoder, test::sequences(known.at("input_ids"), known.at("attention_mask"), known.at("labels")), false);
  const auto loss =
      (toy.decoder->label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels);
  EXPECT_NEAR(loss.item<double>(), known.at("loss").item<double>(), 3e-5);
  loss.backward();
  for (const auto& t : toy.method().trainable()) {
    const auto& gradient = known.at("grad.prompt_encoder." + t.name);
    EXPECT_LT(difference(t.tensor.grad(), gradient), 5e-4 * (test::magnitude(gradient) + 1e-6)) << t.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Of, EncoderOfPeft,
    testing::Values(
        Encoded{"p_tuning_mlp", R"({"name": "p_tuning", "num_virtual_tokens": 6, "encoder_hidden_size": 20})"},
        Encoded{"p_tuning_lstm",
                R"({"name": "p_tuning", "num_virtual_tokens": 6, "encoder": "lstm", "encoder_hidden_size": 12})"},
        Encoded{
            "prefix_tuning_projection",
            R"({"name": "prefix_tuning", "num_virtual_tokens": 6, "projection": true, "encoder_hidden_size": 20})"}),
    [](const auto& info) { return info.param.name; });

TEST(PromptStart, FromATextEqualsPeft) {
  const auto prompt = test::golden_tensors("methods/prompt_tuning_text/io.safetensors");
  auto text = ids_of(prompt.at("init.text_token_ids"));
  const auto tokenizer = text::Tokenizer::load(test::golden("models/llama"));
  EXPECT_EQ(tokenizer.encode("classify the road name below", /*add_special_tokens=*/true), text);
  const std::string options = R"("init": "text", "init_text": "any"})";
  EXPECT_TRUE(torch::equal(WithText(R"({"name": "prompt_tuning", "num_virtual_tokens": 10, )" + options, text).table(),
                           prompt.at("init.prompt_embeddings")));
  const auto prefix = test::golden_tensors("methods/prefix_tuning_text/io.safetensors");
  text = ids_of(prefix.at("init.text_token_ids"));
  const auto start = WithText(R"({"name": "prefix_tuning", "num_virtual_tokens": 6, )" + options, text).table();
  EXPECT_LT(difference(start, prefix.at("init.prompt_embeddings")), 1e-5);
}

TEST(PromptStart, ATextIsCutOrRepeatedInTurn) {
  const std::vector<int64_t> text = {7, 8, 9};
  const WithText longer(R"({"name": "prompt_tuning", "num_virtual_tokens": 5, "init": "text", "init_text": "any"})",
                        text);
  const auto table = longer.points.embedding_table();
  EXPECT_TRUE(torch::equal(longer.table(), table.index_select(0, torch::tensor({7, 8, 9, 7, 8}))));
  const WithText cut(R"({"name": "prompt_tuning", "num_virtual_tokens": 2, "init": "text", "init_text": "any"})", text);
  EXPECT_TRUE(torch::equal(cut.table(), table.index_select(0, torch::tensor({7, 8}))));
}

TEST(PromptStart, EncodersStartAtTheTextToo) {
  const std::vector<int64_t> text = {7, 8, 9, 10, 11};
  const std::string options = R"("num_virtual_tokens": 5, "init": "text", "init_text": "any"})";
  const auto rows = WithText(R"({"name": "prompt_tuning", )" + options, text).table();
  const auto mlp = WithText(R"({"name": "p_tuning", )" + options, text).table();
  EXPECT_LT(difference(mlp, rows), 1e-4 * test::magnitude(rows));
  const auto prefix = WithText(R"({"name": "prefix_tuning", )" + options, text).table();
  const auto projected = WithText(R"({"name": "prefix_tuning", "projection": true, )" + options, text).table();
  EXPECT_LT(difference(projected, prefix), 1e-4 * test::magnitude(prefix));
}

TEST(PromptStart, RowsOfTheVocabularyAndNoiseOfTheTablesSize) {
  const auto sampled = WithText(R"({"name": "prompt_tuning"})", {}).table();
  WithText random(R"({"name": "prompt_tuning", "num_virtual_tokens": 100, "init": "random"})", {});
  const auto table = random.points.embedding_table();
  for (int64_t i = 0; i < sampled.size(0); ++i)
    EXPECT_EQ((table - sampled[i]).abs().sum(1).min().item<double>(), 0.0) << i;
  EXPECT_NEAR(random.table().std().item<double>(), table.std().item<double>(), 0.1 * table.std().item<double>());
  const auto normal = WithText(R"({"name": "prompt_tuning", "num_virtual_tokens": 100, "init": "normal"})", {}).table();
  EXPECT_NEAR(normal.std().item<double>(), 1.0, 0.1);
  EXPECT_EQ(test::magnitude(WithText(R"({"name": "prefix_tuning", "init": "zero"})", {}).table()), 0.0);
  EXPECT_EQ(test::magnitude(WithText(R"({"name": "prefix_tuning", "init": "zero", "projection": true})", {}).table()),
            0.0);
}

TEST(PromptMistakes, AreToldAllAtOnce) {
  EXPECT_THAT(refusal(R"({"name": "prompt_tuning", "num_virtual_tokens": 0, "init": "text"})"),
              testing::AllOf(HasSubstr("/num_virtual_tokens"),
                             HasSubstr("init_text: missing, expected the text that init \"text\" starts from")));
  EXPECT_THAT(refusal(R"({"name": "prompt_tuning", "init": "random", "init_text": "a"})"),
              HasSubstr("is not used with init 'random'"));
  EXPECT_THAT(refusal(R"({"name": "p_tuning", "encoder_num_layers": 3, "encoder_dropout": 0.1})"),
              testing::AllOf(HasSubstr("/encoder_num_layers: belongs to encoder \"lstm\""),
                             HasSubstr("/encoder_dropout: belongs to encoder")));
  EXPECT_THAT(refusal(R"({"name": "prompt_tuning", "init": "text", "init_text": "a"})", {}),
              HasSubstr("init_text 'a' has no token"));
  EXPECT_THAT(refusal(R"({"name": "prefix_tuning", "init": "random"})"), HasSubstr("/init"));
}

TEST(PromptMistakes, MoreVirtualTokensThanPositions) {
  for (const char* name : {"prompt_tuning", "p_tuning", "prefix_tuning"}) {
    const std::string options = R"({"name": ")" + std::string(name) + R"(", "num_virtual_tokens": 128})";
    EXPECT_THAT(
        refusal(options),
        HasSubstr(
            "128 virtual tokens before every sequence, and the model has 128 positions in all, expected at most 127"));
  }
  test::Toy toy(R"({"name": "prompt_tuning", "num_virtual_tokens": 120})");
  train::Job job;
  job.decoder = toy.decoder.get();
  job.methods = toy.set.pointers();
  job.examples = test::sharing_sequences(2, 5);
  job.settings.max_steps = 1;
  train::Observer silent;
  EXPECT_THAT(test::message_of([&] { train::train(job, silent); }),
              testing::AllOf(HasSubstr("training example 1 has 10 tokens, and with 120 virtual tokens"),
                             HasSubstr("set \"max_length\" of \"train\" to at most 8")));
}

/// What reading a changed copy of a fixture's adapter says.
std::string adapter_refusal(const std::string& name, const std::function<void(Adapter&)>& change) {
  auto adapter = plugin::read_adapter(test::golden("methods/" + name));
  change(adapter);
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  plugin::DecoderPoints points(decoder, /*seed=*/0, {});
  return test::message_of(
      [&] { plugin::AttachedMethod(plugin::create_from_adapter(adapter, "folder"), points, &adapter); });
}

TEST(PromptAdapters, OfAnotherBaseOrWithUnknownFieldsAreRefused) {
  const auto set = [](const char* field, Value value) { return [=](Adapter& a) { a.config.set(field, value); }; };
  for (const char* name : {"prompt_tuning", "p_tuning_mlp", "prefix_tuning"}) {
    EXPECT_EQ(adapter_refusal(name, [](Adapter&) {}), "nothing was thrown");
    EXPECT_THAT(adapter_refusal(name, set("token_dim", 48)),
                HasSubstr("belongs to another base: its token_dim is 48, expected"));
    EXPECT_THAT(adapter_refusal(name, set("num_layers", 3)),
                HasSubstr("belongs to another base: its num_layers is 3, expected 2"));
    EXPECT_THAT(adapter_refusal(name, set("num_transformer_submodules", 2)),
                HasSubstr("field 'num_transformer_submodules' of the adapter is 2"));
    EXPECT_THAT(adapter_refusal(name, set("modules_to_save", List{"lm_head"})), HasSubstr("field 'modules_to_save'"));
    EXPECT_THAT(adapter_refusal(name, set("invented", 1.5)), HasSubstr("field 'invented' of the adapter is 1.5"));
    EXPECT_THAT(adapter_refusal(name, set("num_virtual_tokens", 7)),
                HasSubstr("tensor 'prompt_embeddings' has the shape [6, "));
    EXPECT_THAT(adapter_refusal(name, set("num_virtual_tokens", nullptr)),
                HasSubstr("field 'num_virtual_tokens' of the adapter is missing"));
    EXPECT_THAT(adapter_refusal(name, [](Adapter& a) { a.tensors.clear(); }),
                HasSubstr("the adapter has no tensor 'prompt_embeddings'"));
    EXPECT_THAT(adapter_refusal(name, [](Adapter& a) { a.tensors["extra"] = torch::ones({1}); }),
                HasSubstr("tensor 'extra'"));
  }
}

TEST(PromptAdapters, AnEncoderCannotGoOnFromWhatAnEncoderMade) {
  test::Toy encoder(test::kMlp), projection(test::kProjected);
  EXPECT_THAT(test::message_of([&] { encoder.method().load(encoder.method().adapter(""), "start"); }),
              testing::StartsWith("start: the adapter holds what an encoder made"));
  EXPECT_THAT(test::message_of([&] { projection.method().load(projection.method().adapter(""), "start"); }),
              testing::StartsWith("start: the adapter holds what a projection made"));
  test::Toy table(test::kPrompt);
  const auto made = encoder.method().adapter("");
  table.method().load(made, "start");
  EXPECT_TRUE(
      torch::equal(table.method().adapter("").tensors.at("prompt_embeddings"), made.tensors.at("prompt_embeddings")));
}

}  // namespace
}  // namespace peftlab
