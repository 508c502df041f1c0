#include "core/plugin/adapter_folder.h"

#include <set>

#include "core/io/files.h"
#include "core/plugin/json_value.h"
#include "core/plugin/peft_config.h"
#include "core/plugin/tensor_file.h"
#include "fake_points.h"
#include "support.h"

namespace peftlab::plugin {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

const fs::path kGolden = fs::path(PEFTLAB_SOURCE_DIR) / "tests" / "golden" / "methods";

std::string refusal(const std::string& config) {
  Adapter adapter;
  adapter.config = to_fields(io::Json::parse(config));
  return thrown<ConfigError>([&] { create_from_adapter(adapter, "some/adapter"); });
}

void expect_equal(const Tensors& got, const Tensors& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(got.contains(name)) << name;
    EXPECT_EQ(got.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(got.at(name), tensor)) << name;
  }
}

class RoundTrip : public testing::TestWithParam<std::string> {};

TEST_P(RoundTrip, WritesWhatItRead) {
  const Scratch scratch;
  const auto read = read_adapter(kGolden / GetParam());
  write_adapter(scratch / "adapter", read);
  const auto again = read_adapter(scratch / "adapter");
  expect_equal(again.tensors, read.tensors);
  // Keys sorted, indent 2: the very bytes of PEFT.
  EXPECT_EQ(io::read_file(scratch / "adapter" / "adapter_config.json"), io::read_file(kGolden / GetParam() / "adapter_config.json"));
}

// The fields of PEFT's file that say something, as the method writes them again.
TEST_P(RoundTrip, TheMethodSaysTheSameConfiguration) {
  const auto read = read_adapter(kGolden / GetParam());
  auto made = create_from_adapter(read, "golden");
  EXPECT_EQ(made.name(), "lora");
  const auto original = to_json(read.config);
  const auto own = to_json(*made.method->peft_config());
  for (const auto& [key, value] : own.items()) {
    if (key == "peft_version") continue;
    const bool is_set = key == "target_modules" && value.is_array();
    const auto as_set = [](const io::Json& list) { return std::set<std::string>(list.begin(), list.end()); };
    EXPECT_TRUE(is_set ? as_set(value) == as_set(original[key]) : value == original[key]) << key << " " << value << original[key];
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, RoundTrip,
                         testing::Values("lora", "lora_all_linear", "lora_bias_all", "lora_bias_lora_only", "lora_dropout",
                                         "lora_embedding", "lora_layers", "lora_lora_bias", "lora_modules_to_save", "lora_patterns",
                                         "lora_regex", "lora_rslora", "lora_target_parameters", "lora_tied_embedding"),
                         [](const auto& info) { return info.param; });

class OwnRoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(OwnRoundTrip, AnAdapterOfOursComesBackEqual) {
  const Scratch scratch;
  const auto options = std::string(GetParam());
  const auto name = io::Json::parse(options)["name"].get<std::string>();
  FakePoints points(1);
  AttachedMethod method(created(name, options), points);
  {
    torch::NoGradGuard no_grad;
    for (const auto& trained : method.trainable()) torch::Tensor(trained.tensor).add_(torch::rand(trained.tensor.sizes()));
  }
  const auto saved = method.adapter("some/base");
  EXPECT_EQ(saved.config.find("base_model_name_or_path")->text(), "some/base");
  write_adapter(scratch / "adapter", saved);
  const auto read = read_adapter(scratch / "adapter");
  FakePoints others(2);
  AttachedMethod again(create_from_adapter(read, (scratch / "adapter").string()), others, &read);
  const auto back = again.adapter("some/base");
  expect_equal(back.tensors, saved.tensors);
  EXPECT_EQ(nlohmann::json(to_json(back.config)), nlohmann::json(to_json(saved.config)));
  if (!own_method(read.config)) return;
  EXPECT_EQ(again.created().options, method.created().options);
}

INSTANTIATE_TEST_SUITE_P(Options, OwnRoundTrip,
                         testing::Values(R"({"name":"full"})", R"({"name":"last_layer","head":true})",
                                         R"({"name":"lora","rank":2,"targets":["q_proj","embed_tokens"],"modules_to_save":["norm"],"exclude":["v_proj"]})",
                                         R"({"name":"lora","rank":2,"targets":".*q_proj","exclude":".*1.*","bias":"all","lora_bias":true,"init":"gaussian"})",
                                         R"({"name":"lora","targets":["q_proj"],"layers":[1],"rank":3,"alpha":2.5,"rank_pattern":{"q_proj":2}})",
                                         R"({"name":"lora","rank":2,"targets":[],"target_parameters":["down_proj.weight"],"rslora":true})"));

TEST(AdapterFolder, WhatPeftHasNoWordsForIsSavedByFullNames) {
  FakePoints points;
  AttachedMethod method(created("lora", R"({"rank":2,"targets":"all-linear","layers":[1],"exclude":["v_proj"]})"), points);
  const auto config = method.adapter("b").config;
  EXPECT_EQ(config.find("target_modules")->texts(),
            (std::vector<std::string>{"model.layers.1.self_attn.q_proj", "model.layers.1.mlp.down_proj"}));
  EXPECT_TRUE(config.find("layers_to_transform")->is_null());
  EXPECT_TRUE(config.find("exclude_modules")->is_null());
}

TEST(AdapterFolder, AMethodPeftLacksKeepsItsOptions) {
  FakePoints points;
  AttachedMethod method(created("last_layer", R"({"head":true})"), points);
  const auto json = to_json(method.adapter("b").config);
  EXPECT_EQ(json["peft_type"], "PEFTLAB_LAST_LAYER");
  EXPECT_EQ(json["options"].dump(), R"({"head":true})");
}

TEST(AdapterFolder, RefusesFieldsThatChangeTheMathsByName) {
  const auto message = refusal(R"({"peft_type":"LORA","r":4,"use_dora":true,"kasa_config":{"beta":1},"layers_pattern":"blocks","new_one":0.5})");
  EXPECT_THAT(message, AllOf(HasSubstr("some/adapter: method 'dora': field 'kasa_config' of the adapter is"),
                             HasSubstr("field 'new_one' of the adapter is 0.5"),
                             HasSubstr("field 'layers_pattern' of the adapter is \"blocks\", which this method does not know; expected null or \"layers\"")));
  EXPECT_THAT(refusal(R"({"peft_type":"LORA","init_lora_weights":"eva","new_one":1})"),
              AllOf(HasSubstr("field 'init_lora_weights' of the adapter is \"eva\", which this method does not know; "
                              "expected true, false, \"gaussian\", \"pissa\""),
                    HasSubstr("field 'new_one' of the adapter is 1")));
  EXPECT_THAT(refusal(R"({"peft_type":"LORA","use_dora":true,"init_lora_weights":"pissa"})"),
              HasSubstr("field 'init_lora_weights' of the adapter is \"pissa\", which this method does not know; "
                        "expected true, false, \"gaussian\" or \"orthogonal\""));
  EXPECT_THAT(refusal(R"({"peft_type":"LORA","r":"four"})"), HasSubstr("/rank: expected an integer"));
}

TEST(AdapterFolder, SaysWhoWasAskedWhenNobodyReadsIt) {
  EXPECT_THAT(refusal(R"({"peft_type":"SOMETHING"})"), AllOf(HasSubstr("peft_type 'SOMETHING': no method reads it; asked"), HasSubstr("lora")));
  EXPECT_THAT(refusal("{}"), HasSubstr("peft_type none: no method reads it"));
  EXPECT_THAT(refusal(R"({"peft_type":"PEFTLAB_NOSUCH","options":{}})"), HasSubstr("some/adapter: peft_type 'PEFTLAB_NOSUCH': no method 'nosuch'"));
  EXPECT_THAT(refusal(R"({"peft_type":"PEFTLAB_FULL"})"), HasSubstr("without the object 'options'"));
}

TEST(AdapterFolder, RefusesMissingAndPickledFiles) {
  const Scratch scratch;
  EXPECT_THAT(thrown<ConfigError>([&] { read_adapter(scratch / "absent"); }), HasSubstr("absent/adapter_config.json"));
  fs::create_directory(scratch / "a");
  std::ofstream(scratch / "a/adapter_config.json") << "[]";
  EXPECT_THAT(thrown<ConfigError>([&] { read_adapter(scratch / "a"); }), HasSubstr("expected an object"));
  std::ofstream(scratch / "a/adapter_config.json") << "{}";
  EXPECT_THAT(thrown<ConfigError>([&] { read_adapter(scratch / "a"); }), HasSubstr("adapter_model.safetensors"));
  std::ofstream(scratch / "a/adapter_model.bin") << "x";
  EXPECT_THAT(thrown<ConfigError>([&] { read_adapter(scratch / "a"); }), AllOf(HasSubstr("a pickle"), HasSubstr("safe_serialization=True")));
}

TEST(AdapterFolder, ReplacesAFolderAsAWhole) {
  const Scratch scratch;
  const auto first = read_adapter(kGolden / "lora");
  const auto second = read_adapter(kGolden / "lora_layers");
  write_adapter(scratch / "adapter", first);
  write_adapter(scratch / "adapter", second);
  expect_equal(read_adapter(scratch / "adapter").tensors, second.tensors);
  EXPECT_THAT(thrown<RunError>([&] { write_adapter(scratch / "no/such/parent", first); }), HasSubstr("no/such/parent"));
}

TEST(AdapterFolder, TheManifestNamesTheBaseModelWhereItIsKnown) {
  const Scratch scratch;
  const auto adapter = read_adapter(kGolden / "lora");
  EXPECT_FALSE(trained_on(kGolden / "lora").has_value());
  EXPECT_FALSE(trained_on(scratch / "absent.gguf").has_value());
  write_adapter(scratch / "a", adapter);
  EXPECT_FALSE(trained_on(scratch / "a").has_value());
  write_adapter(scratch / "a", adapter, BaseModel{"some/base", "12ab"});
  ASSERT_TRUE(trained_on(scratch / "a").has_value());
  EXPECT_EQ(trained_on(scratch / "a")->name, "some/base");
  EXPECT_EQ(trained_on(scratch / "a")->sha256, "12ab");

  // A file of that name that somebody else wrote is none of ours; one of ours is not guessed at.
  std::ofstream(scratch / "a/manifest.json") << R"({"about": {"base_model": 3}})";
  EXPECT_FALSE(trained_on(scratch / "a").has_value());
  std::ofstream(scratch / "a/manifest.json")
      << R"({"format": "peftlab-manifest-1", "about": {"base_model": {"name": "b"}}})";
  EXPECT_THAT(thrown<ConfigError>([&] { trained_on(scratch / "a"); }),
              AllOf(HasSubstr("manifest.json:1:"), HasSubstr("/about/base_model: expected an object with the texts")));
  std::ofstream(scratch / "a/manifest.json") << "{";
  EXPECT_THAT(thrown<ConfigError>([&] { trained_on(scratch / "a"); }), HasSubstr("manifest.json:1:"));
}

TEST(TensorFile, KeepsTypesAndRefusesOthers) {
  const Scratch scratch;
  const Tensors tensors = {{"a", torch::rand({2, 3}).to(torch::kBFloat16)}, {"b", torch::arange(4)}, {"c", torch::zeros({0, 3})},
                           {"d", torch::rand({3, 2}, torch::kFloat64).t()}, {"e", torch::tensor(true)}};
  write_tensors(scratch / "t.safetensors", tensors);
  expect_equal(read_tensors(scratch / "t.safetensors"), tensors);
  const std::string header = R"({"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  std::ofstream(scratch / "f8.safetensors") << bytes + header + "ab";
  EXPECT_THAT(thrown<ConfigError>([&] { read_tensors(scratch / "f8.safetensors"); }), HasSubstr("tensor 'x' has the type F8_E4M3"));
}

}  // namespace
}  // namespace peftlab::plugin
