#include "core/plugin/attached.h"

#include "fake_points.h"
#include "support.h"

namespace peftlab::plugin {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<std::string> names_of(const AttachedMethod& method) {
  std::vector<std::string> names;
  for (const auto& trained : method.trainable()) names.push_back(trained.name);
  return names;
}

class Attached : public testing::Test {
 protected:
  std::string refusal(const std::string& options) {
    FakePoints points;
    return thrown<ConfigError>([&] { AttachedMethod(created("faulty", options), points); });
  }
  Environment methods_{"PEFTLAB_METHODS", kBroken.string()};
  std::string path_ = (kBroken / "faulty.so").string();
};

TEST_F(Attached, NamesItsTensorsAsPeftDoes) {
  FakePoints points;
  AttachedMethod method(created("faulty", "{}"), points);
  EXPECT_EQ(names_of(method), (std::vector<std::string>{"base_model.model.model.layers.0.self_attn.q_proj.shift",
                                                        "base_model.model.model.layers.1.self_attn.q_proj.shift"}));
  EXPECT_EQ(method.num_trainable(), 8);
  EXPECT_FALSE(method.trainable()[0].rule.decay);
}

TEST_F(Attached, TellsWhatAttachThrowsWithTheLibrarysPath) {
  EXPECT_THAT(refusal(R"({"fault":"attach"})"), AllOf(HasSubstr(path_), HasSubstr("while it was attached to the model: no such model")));
  EXPECT_THAT(refusal(R"({"fault":"attach_int"})"), AllOf(HasSubstr(path_), HasSubstr("no std::exception")));
  EXPECT_THAT(refusal(R"({"fault":"twice"})"),
              AllOf(HasSubstr("q_proj is filled twice: by faulty and by faulty"), HasSubstr(path_), HasSubstr("test.json:1:2: /method")));
}

TEST_F(Attached, TellsAPlanOnceAndWhatTheMethodSaysAgainstIt) {
  FakePoints points, others;
  AttachedMethod again(created("faulty", R"({"fault":"begin_again"})"), points);
  again.begin({6, 1e-3});
  again.begin({6, 1e-3});
  EXPECT_THAT(thrown<ConfigError>([&] { again.begin({7, 1e-3}); }),
              AllOf(HasSubstr("test.json:1:2: /method/level: a second plan (method 'faulty' of "), HasSubstr(path_)));
  AttachedMethod faulty(created("faulty", R"({"fault":"begin"})"), others);
  EXPECT_THAT(thrown<ConfigError>([&] { faulty.begin({6, 1e-3}); }),
              AllOf(HasSubstr(path_), HasSubstr("failed while it was told of the run's plan: no such plan")));
}

TEST_F(Attached, RefusesPatchesThatCannotBeTrained) {
  EXPECT_THAT(refusal(R"({"fault":"nothing"})"), AllOf(HasSubstr(path_), HasSubstr("trains nothing")));
  EXPECT_THAT(refusal(R"({"fault":"type"})"), AllOf(HasSubstr("is Half, expected Float"), HasSubstr("points.trainable_type()")));
  EXPECT_THAT(refusal(R"({"fault":"frozen"})"), HasSubstr("needs no gradient"));
}

TEST_F(Attached, TwoMethodsOnOneModelKeepTheirOwnTensors) {
  FakePoints points;
  AttachedMethod first(created("faulty", "{}"), points);
  AttachedMethod second(created("lora", R"({"targets":["v_proj"],"rank":2})"), points);
  EXPECT_EQ(first.filled().size(), 2u);
  EXPECT_EQ(second.filled().size(), 2u);
  EXPECT_EQ(all_trainable({&first, &second}).size(), 6u);
  EXPECT_EQ(all_trainable({&first, &first}).size(), 2u);
  const auto clash = thrown<ConfigError>([&] { AttachedMethod(created("lora", R"({"targets":["q_proj"],"rank":2})"), points); });
  EXPECT_THAT(clash, HasSubstr("filled twice: by faulty and by lora"));
}

TEST_F(Attached, StateComesBackBitForBitAndIsStrict) {
  FakePoints points;
  AttachedMethod method(created("lora", R"({"targets":["q_proj","v_proj"],"rank":2})"), points);
  Tensors kept;
  for (const auto& [name, tensor] : method.state()) kept.emplace(name, tensor.clone());
  EXPECT_EQ(kept.size(), 8u);
  FakePoints others(/*seed=*/99);
  AttachedMethod other(created("lora", R"({"targets":["q_proj","v_proj"],"rank":2})"), others);
  EXPECT_FALSE(torch::equal(other.state().begin()->second, kept.begin()->second));
  other.load_state(kept);
  for (const auto& [name, tensor] : other.state()) EXPECT_TRUE(torch::equal(tensor, kept.at(name))) << name;
  kept.erase(kept.begin());
  kept.emplace("extra", torch::zeros(1));
  const auto message = thrown<ConfigError>([&] { other.load_state(kept); });
  EXPECT_THAT(message, AllOf(HasSubstr("lora_A.weight' is missing, expected the shape [2, 4]"), HasSubstr("'extra' of shape [1] is not expected")));
}

TEST_F(Attached, AdapterTensorsAreCheckedTogether) {
  FakePoints points;
  AttachedMethod method(created("lora", R"({"targets":["q_proj","v_proj"],"rank":2})"), points);
  auto adapter = method.adapter("base");
  auto it = adapter.tensors.begin();
  const auto missing = it->first;
  it = adapter.tensors.erase(it);
  it->second = torch::zeros({5, 5});
  (++it)->second.fill_(NAN);
  ++it;
  it->second = torch::zeros(it->second.sizes(), torch::kInt64);
  adapter.tensors.emplace("surplus", torch::zeros({3}));
  const auto before = method.trainable()[3].tensor.clone();
  const auto message = thrown<ConfigError>([&] { method.load(adapter, "some/folder"); });
  EXPECT_THAT(message, AllOf(HasSubstr("some/folder: tensor '" + missing + "' is missing"), HasSubstr("has the shape [5, 5], expected"),
                             HasSubstr("not finite"), HasSubstr("has the type Long, expected Float"), HasSubstr("'surplus' of shape [3] is not expected")));
  EXPECT_TRUE(torch::equal(method.trainable()[3].tensor, before));
}

TEST_F(Attached, TrainReachesEveryPatch) {
  FakePoints points;
  AttachedMethod method(created("lora", R"({"targets":["q_proj"],"rank":2})"), points);
  method.train(false);
  EXPECT_FALSE(method.filled()[0].patch->is_training());
  method.train(true);
  EXPECT_TRUE(method.filled()[0].patch->is_training());
  EXPECT_TRUE(method.method().is_training());
}

TEST(Baselines, FullTrainsEveryTensorOnFloat32Copies) {
  FakePoints points(0, /*tied_head=*/false, torch::kBFloat16);
  AttachedMethod method(created("full", "{}"), points);
  int64_t total = 0;
  for (const auto* parameter : points.parameters(every_module())) total += parameter->value().numel();
  EXPECT_EQ(method.num_trainable(), total);
  const auto& first = method.trainable().front();
  EXPECT_EQ(first.name, "base_model.model.model.embed_tokens.weight");
  EXPECT_EQ(first.tensor.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(first.tensor.to(torch::kBFloat16), points.embedding_table()));
}

TEST(Baselines, LastLayerTrainsTheLastBlockAndOnRequestWhatFollows) {
  FakePoints points;
  AttachedMethod block(created("last_layer", "{}"), points);
  for (const auto& name : names_of(block)) EXPECT_THAT(name, HasSubstr("model.layers.1."));
  EXPECT_EQ(block.trainable().size(), 6u);
  FakePoints more;
  AttachedMethod head(created("last_layer", R"({"head":true})"), more);
  EXPECT_EQ(head.trainable().size(), 8u);
  EXPECT_THAT(names_of(head), testing::IsSupersetOf({"base_model.model.model.norm.weight", "base_model.model.lm_head.weight"}));
  FakePoints tied(0, /*tied_head=*/true);
  AttachedMethod tied_head(created("last_layer", R"({"head":true})"), tied);
  EXPECT_THAT(names_of(tied_head), testing::IsSupersetOf({"base_model.model.model.norm.weight", "base_model.model.model.embed_tokens.weight"}));
}

}  // namespace
}  // namespace peftlab::plugin
