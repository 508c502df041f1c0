// What is particular to each method beside the low-rank and the prompt family, and what each refuses.
#include <gmock/gmock.h>

#include <cmath>

#include "core/lab/merge.h"
#include "core/plugin/json_value.h"
#include "peftlab/parts/default_targets.h"
#include "tests/lab/patched.h"
#include "tests/plugin/fake_points.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using test::difference;
using test::expect_equal;
using test::logits;
using test::message_of;
using test::Patched;
using test::Toy;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";

TEST(Ia3, FeedForwardModulesAreThoseNamed) {
  Patched output(R"({"name":"ia3","targets":["down_proj"],"feedforward":[]})");
  EXPECT_EQ(output.tensor("ia3_l").sizes(), (std::vector<int64_t>{32, 1}));
  Patched input(R"({"name":"ia3","targets":["q_proj"],"feedforward":".*q_proj"})");
  EXPECT_EQ(input.tensor("ia3_l").sizes(), (std::vector<int64_t>{1, 32}));
  Patched ending(R"({"name":"ia3","targets":["q_proj"],"feedforward":["proj"]})");
  EXPECT_EQ(ending.tensor("ia3_l").sizes(), (std::vector<int64_t>{1, 32}));
  EXPECT_FALSE(output.toy.method().trainable().front().rule.decay);
  EXPECT_THAT(message_of([] { Toy(R"({"name":"ia3","feedforward":["gate_proj"]})"); }),
              HasSubstr("feedforward: 'gate_proj' is none of the targets"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"ia3","feedforward":"gate.*"})"); }),
              HasSubstr("'gate.*' matches none of the targets"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"ia3","feedforward":"("})"); }),
              HasSubstr("/method/feedforward: '(' is no regular expression"));
  EXPECT_THAT(
      message_of([] { Toy(R"({"name":"ia3","feedforward":3,"init":"lycoris"})"); }),
      AllOf(HasSubstr("/method/feedforward: expected a list"), HasSubstr("/method/init: expected true or \"random\"")));
}

TEST(LnTuning, TrainsNormsAlone) {
  Toy toy(R"({"name":"ln_tuning"})");
  const auto saved = toy.method().adapter("b").tensors;
  EXPECT_TRUE(saved.contains("base_model.model.model.norm.ln_tuning_layers.weight"));
  plugin::AttachedMethod& method = toy.method();
  auto adapter = method.adapter("b");
  adapter.tensors["base_model.model.model.norm.weight"] = torch::ones({32});
  EXPECT_THAT(message_of([&] { method.load(adapter, "x"); }),
              HasSubstr("tensor 'base_model.model.model.norm.weight' of shape [32] is not expected"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"ln_tuning","targets":["norm","q_proj"]})"); }),
              HasSubstr("targets: 'model.layers.0.self_attn.q_proj' is a matrix, expected a norm"));
}

TEST(LnTuning, MergesByPuttingItsTensorsInPlace) {
  Toy toy(R"({"name":"ln_tuning"})");
  toy.perturb();
  const auto merged = lab::merged_model(*toy.decoder, toy.set);
  EXPECT_EQ(merged.changed.size(), 5u);
  EXPECT_TRUE(torch::equal(merged.tensors.at("model.norm.weight"), toy.method().trainable().back().tensor));
}

TEST(BitFit, NeedsBiases) {
  EXPECT_THAT(
      message_of([] { Toy(R"({"name":"bitfit"})"); }),
      AllOf(HasSubstr("no module there has a bias to train (architecture 'llama')"), HasSubstr("set add_biases")));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"bitfit","targets":["o_proj"]})", torch::kFloat32, 0, "models/qwen2"); }),
              HasSubstr("set add_biases"));
  Toy added(R"({"name":"bitfit","add_biases":true})");
  added.perturb();
  EXPECT_THAT(message_of([&] { lab::merged_model(*added.decoder, added.set); }),
              HasSubstr("adds a bias, which architecture llama lacks"));
  Toy own(R"({"name":"bitfit"})", torch::kFloat32, 0, "models/llama_bias");
  own.perturb();
  EXPECT_EQ(lab::merged_model(*own.decoder, own.set).changed.size(), 14u);
}

TEST(Vera, DrawsItsProjectionsAsPeftDoes) {
  const auto known = test::golden_tensors("methods/vera_no_projection/io.safetensors");
  Toy toy(R"({"name":"vera","rank":8,"projection_prng_key":7,"save_projection":false})", torch::kFloat32, /*seed=*/5);
  const auto buffers = toy.method().method().named_buffers();
  const std::string module = "projection.base_model.model.model.layers.0.self_attn.q_proj.";
  EXPECT_TRUE(torch::equal(buffers["projection.vera_A"], known.at(module + "vera_A")));
  EXPECT_TRUE(torch::equal(buffers["projection.vera_B"], known.at(module + "vera_B")));
  EXPECT_EQ(toy.method().adapter("b").tensors.size(), 8u);
  Toy other(R"({"name":"vera","rank":8,"projection_prng_key":8})");
  EXPECT_FALSE(
      torch::equal(other.method().method().named_buffers()["projection.vera_A"], buffers["projection.vera_A"]));
}

TEST(Vera, ReadsItsProjectionsStrictly) {
  Toy toy(R"({"name":"vera","rank":4})");
  auto adapter = toy.method().adapter("b");
  const auto a = toy.method().method().named_buffers()["projection.vera_A"];
  const auto before = a.clone();
  auto& in_file = adapter.tensors.at("base_model.vera_A");
  const auto refused = [&](const char* expected) {
    EXPECT_THAT(message_of([&] { toy.method().load(adapter, "x"); }), HasSubstr(expected));
    EXPECT_TRUE(torch::equal(a, before));
  };
  in_file = torch::zeros({4, 31});
  refused("x: tensor 'base_model.vera_A' has the shape [4, 31], expected finite numbers of [4, 32]");
  in_file = torch::full({4, 32}, NAN);
  refused("expected finite numbers");
  in_file = torch::ones({4, 32});
  const std::string lambda = "base_model.model." + std::string(kQuery) + ".vera_lambda_d";
  const auto kept = adapter.tensors.extract(lambda);
  refused("vera_lambda_d' is missing");
  adapter.tensors[lambda] = kept.mapped();
  toy.method().load(adapter, "x");
  EXPECT_TRUE(torch::equal(a, in_file));
  adapter.tensors.erase("base_model.vera_B");
  EXPECT_THAT(message_of([&] { toy.method().load(adapter, "x"); }),
              HasSubstr("tensor 'base_model.vera_B' is missing, expected the shape [32, 4]"));
}

TEST(Oft, BlocksDivideTheInputs) {
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","block_size":5})"); }),
              HasSubstr("block_size: 5 does not divide the 32 inputs of model.layers.0.self_attn.q_proj; the nearest "
                        "that does is 4"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","num_blocks":48,"targets":["q_proj"]})"); }),
              HasSubstr("num_blocks: 48 does not divide the 32 inputs"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","block_size":5,"targets":["q_proj","v_proj"]})"); }),
              AllOf(HasSubstr("self_attn.q_proj;"), HasSubstr("self_attn.v_proj;"), Not(HasSubstr("layers.1"))));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","num_blocks":32})"); }),
              HasSubstr("blocks of one input cannot rotate"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","num_blocks":4,"block_size":8})"); }),
              HasSubstr("exactly one of num_blocks and block_size above 0, got 4 and 8"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","block_size":0})"); }), HasSubstr("got 0 and 0"));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"oft","neumann_terms":1,"eps":0})"); }),
              AllOf(HasSubstr("/method/neumann_terms: expected an integer"),
                    HasSubstr("/method/eps: expected a number above 0")));
  // A file of PEFT, which takes the nearest divisor: 5 is 4 on 32 inputs, 6 is between 4 and 8 and 4 is taken.
  for (const char* wanted : {"5", "6"}) {
    Toy four(R"({"name":"oft","block_size":4})", torch::kFloat64);
    four.perturb();
    auto adapter = four.method().adapter("b");
    adapter.config.set("oft_block_size", static_cast<int64_t>(std::stoi(wanted)));
    auto created = plugin::create_from_adapter(adapter, "file");
    model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat64, torch::kCPU);
    plugin::DecoderPoints points(decoder, 0, {});
    plugin::AttachedMethod read(std::move(created), points, &adapter);
    expect_equal(logits(decoder), logits(*four.decoder), 1e-14);
  }
}

TEST(Oft, RotatesAndKeepsItsBound) {
  Patched one(R"({"name":"oft","block_size":8,"cayley_neumann":false,"targets":["q_proj"]})");
  one.toy.perturb(0.5);
  const auto merged = one.patch->merged(*one.base)->weight;
  expect_equal(merged.norm(2, 1), one.base->weight().norm(2, 1));
  expect_equal(merged.mm(merged.t()), one.base->weight().mm(one.base->weight().t()));
  Patched bound(R"({"name":"oft","block_size":8,"cayley_neumann":false,"coft":true,"eps":0.2,"targets":["q_proj"]})");
  bound.toy.perturb(0.5);
  const auto y = bound.output();
  bound.toy.method().method().after_step(1);
  const auto weight = bound.tensor("oft_R.weight");
  expect_equal(std::sqrt(2.0) * weight.norm(2, 1), torch::full({4}, 0.1, torch::kFloat64));
  expect_equal(bound.output(), y);
  const auto kept = weight.detach().clone();
  bound.toy.method().method().begin({});
  EXPECT_TRUE(torch::equal(weight, kept));
}

TEST(Lokr, SplitsSizesAsPeftDoes) {
  const auto shape = [](const char* factor, const char* name) {
    return Patched(std::string(R"({"name":"lokr","rank":64,"targets":["gate_proj"],"decompose_factor":)") + factor +
                   "}")
        .tensor(name)
        .sizes()
        .vec();
  };
  EXPECT_EQ(shape("-1", "lokr_w1"), (std::vector<int64_t>{8, 4}));  // (64, 32)
  EXPECT_EQ(shape("-1", "lokr_w2"), (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(shape("16", "lokr_w1"), (std::vector<int64_t>{16, 16}));
  EXPECT_EQ(shape("16", "lokr_w2"), (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(shape("3", "lokr_w1"), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(shape("1", "lokr_w2"), (std::vector<int64_t>{64, 32}));
  EXPECT_THAT(message_of([] { Toy(R"({"name":"lokr","decompose_factor":0,"rank":0,"init":"zero"})"); }),
              AllOf(HasSubstr("/method/decompose_factor: expected -1, or an integer of at least 1, got 0"),
                    HasSubstr("/method/rank: expected"),
                    HasSubstr("/method/init: expected true, \"lycoris\" or \"random\", got the string \"zero\"")));
}

TEST(Loha, IsALowRankUpdateWhereThatIsLessWork) {
  EXPECT_TRUE(Patched(R"({"name":"loha","rank":4,"targets":["q_proj"]})").patch->factors().has_value());
  EXPECT_FALSE(Patched(R"({"name":"loha","rank":5,"targets":["q_proj"]})").patch->factors().has_value());
  EXPECT_THAT(message_of([] { Toy(R"({"name":"loha","rank":17,"targets":["v_proj"]})"); }),
              HasSubstr("rank: 17 is above that of"));
  // Of every kind of matrix at once, and of one that a pattern picks out.
  EXPECT_THAT(message_of([] { Toy(R"({"name":"loha","rank":40,"targets":["q_proj","v_proj"]})"); }),
              AllOf(HasSubstr("that of 'model.layers.0.self_attn.q_proj'"),
                    HasSubstr("that of 'model.layers.0.self_attn.v_proj'"), Not(HasSubstr("layers.1"))));
  EXPECT_THAT(message_of([] {
                Toy(R"({"name":"loha","rank":2,"targets":["q_proj"],"rank_pattern":{"layers.1.self_attn.q_proj":40}})");
              }),
              HasSubstr("rank_pattern: 40 is above that of 'model.layers.1.self_attn.q_proj'"));
}

TEST(RankedUpdates, DropRowsAndModulesInTrainingAlone) {
  for (const char* name : {"loha", "lokr"}) {
    for (const int rank : {2, 8}) {
      const auto options = [&](const std::string& more) {
        return std::string(R"({"name":")") + name + R"(","targets":["q_proj"],"init":"random","rank":)" +
               std::to_string(rank) + more + "}";
      };
      Patched rows(options(R"(,"rank_dropout":0.5)")), module(options(R"(,"module_dropout":0.999)"));
      const auto change = [](const Patched& p) { return (p.output() - (*p.base)(p.x)).detach(); };
      rows.toy.method().train(false);
      module.toy.method().train(false);
      const auto whole = change(rows);
      rows.toy.method().train(true);
      const auto dropped = change(rows);
      const auto kept = dropped.abs().amax(0) > 1e-12;  // (out)
      const auto num_kept = kept.sum().item<int64_t>();
      EXPECT_GT(num_kept, 4);
      EXPECT_LT(num_kept, 28);
      const double scale = std::string(name) == "loha" ? 32.0 / static_cast<double>(num_kept) : 1.0;
      expect_equal(dropped, whole * kept * scale);
      EXPECT_FALSE(rows.patch->factors().has_value());
      EXPECT_GT(change(module).abs().max().item<double>(), 1e-3);
      module.toy.method().train(true);
      EXPECT_EQ(change(module).abs().max().item<double>(), 0.0);
    }
  }
  Patched oft(R"({"name":"oft","block_size":4,"module_dropout":0.999,"targets":["q_proj"]})");
  oft.toy.perturb(0.3);
  oft.toy.method().train(false);
  EXPECT_GT(difference(oft.output(), (*oft.base)(oft.x)), 1e-3);
  oft.toy.method().train(true);
  expect_equal(oft.output(), (*oft.base)(oft.x));
}

TEST(Bottleneck, CannotBeMerged) {
  Toy toy(R"({"name":"bottleneck","size":4})");
  EXPECT_THAT(message_of([&] { lab::merged_model(*toy.decoder, toy.set); }),
              HasSubstr("method 'bottleneck': cannot be merged"));
  EXPECT_THAT(
      message_of([] { Toy(R"({"name":"bottleneck","after":"attention","reduction":0.5,"activation":"elu"})"); }),
      AllOf(HasSubstr("/method/after: expected one of 'both', 'mlp'"), HasSubstr("/method/reduction: expected"),
            HasSubstr("/method/activation: expected one of")));
}

TEST(OtherMethods, ReadTheConfigurationsOfPeftOrSayWhyNot) {
  const fs::path experiments = fs::path(PEFTLAB_SOURCE_DIR) / "../shared/peft/experiments";
  if (!fs::is_directory(experiments)) GTEST_SKIP() << "no ../shared/peft/experiments beside the checkout";
  int read = 0;
  for (const char* name : {"ia3", "vera", "oft", "loha", "lokr", "ln_tuning"}) {
    for (const auto& folder : fs::directory_iterator(experiments / name)) {
      const Adapter adapter{plugin::to_fields(io::read_json(folder.path() / "adapter_config.json").value), {}};
      EXPECT_EQ(plugin::create_from_adapter(adapter, folder.path().string()).name(), name);
      ++read;
    }
  }
  EXPECT_GE(read, 8);
  Fields odd;
  odd.set("peft_type", "VERA");
  odd.set("bias", "all");
  odd.set("modules_to_save", std::vector<std::string>{"norm"});
  EXPECT_THAT(message_of([&] {
                plugin::create_from_adapter({odd, {}}, "file");
              }),
              AllOf(HasSubstr("field 'bias' of the adapter is \"all\", which this method does not know"),
                    HasSubstr("field 'modules_to_save'")));
}

TEST(OtherMethods, AskForTargetsWhereNoneAreKnown) {
  ModelShape shape;
  shape.architecture = "llama";
  Targets given;
  given.exclude = {"layers.0.self_attn.q_proj"};
  EXPECT_EQ(targets_or_known(given, query_value_modules(), shape).names,
            (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(targets_or_known(given, query_value_modules(), shape).exclude, given.exclude);
  given.regex = ".*o_proj";
  EXPECT_TRUE(targets_or_known(given, query_value_modules(), shape).names.empty());
  for (const char* name : {"ia3", "ln_tuning", "vera", "oft", "loha", "lokr"}) {
    const auto document = io::parse_json("{}", "e.json");
    io::Mistakes mistakes;
    plugin::FakePoints points;
    auto created = plugin::create_method(plugin::find_method(name), document, "", mistakes);
    EXPECT_THAT(message_of([&] { plugin::AttachedMethod(std::move(created), points); }),
                HasSubstr("targets: none are known for the architecture 'fake'; name the modules"))
        << name;
  }
}

}  // namespace
}  // namespace peftlab
