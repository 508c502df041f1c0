// config.json of each family: what it says, what stands in for what it leaves out, what is refused by name.
#include "core/model/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/support/golden.h"
#include "tests/support/tolerance.h"

namespace peftlab::model {
namespace {

using test::message_of;
using testing::HasSubstr;

io::Json config_of(const std::string& name) {
  return io::read_json(test::golden("models/" + name) / "config.json").value;
}

DecoderSpec spec_of(const io::Json& config) {
  return spec_from_hugging_face(io::parse_json(config.dump(), "config.json"));
}

/// The specification of a fixture with some fields changed; a field that becomes "absent" is taken out.
DecoderSpec changed(const std::string& name, const io::Json& fields) {
  auto config = config_of(name);
  for (const auto& [key, value] : fields.items()) {
    if (value == "absent") {
      config.erase(key);
    } else {
      config[key] = value;
    }
  }
  return spec_of(config);
}

TEST(Spec, DefaultsAreThoseOfTransformers) {
  EXPECT_TRUE(changed("gpt2", {{"tie_word_embeddings", "absent"}}).shape.tied_head);
  EXPECT_TRUE(changed("gemma", {{"tie_word_embeddings", "absent"}}).shape.tied_head);
  EXPECT_FALSE(changed("phi3", {{"tie_word_embeddings", "absent"}}).shape.tied_head);
  EXPECT_EQ(changed("gpt2", {{"n_positions", "absent"}}).max_positions, 1024);
  EXPECT_EQ(changed("gpt2", {{"n_inner", 48}}).shape.mlp_width, 48);
  EXPECT_EQ(changed("gpt2", {}).shape.mlp_width, 128);
  EXPECT_EQ(changed("gemma", {{"head_dim", "absent"}}).shape.head_width, 256);
  EXPECT_EQ(changed("glm", {{"head_dim", "absent"}}).shape.head_width, 128);
  EXPECT_EQ(changed("phi3", {{"num_key_value_heads", "absent"}}).shape.num_kv_heads, 4);
  EXPECT_EQ(changed("gemma2", {{"layer_types", "absent"}}).windows, (std::vector<int64_t>{8, 0}));
  EXPECT_EQ(changed("gpt_neo", {{"num_layers", 24}, {"attention_types", "absent"}, {"attention_layers", "absent"}})
                .windows[23],
            8);
  EXPECT_EQ(changed("mistral", {{"sliding_window", "absent"}}).windows, (std::vector<int64_t>{4096, 4096}));
  EXPECT_EQ(changed("mistral", {{"sliding_window", nullptr}}).windows, (std::vector<int64_t>{0, 0}));
  const auto half = changed("glm", {{"rope_parameters", {{"rope_theta", 10000.0}, {"rope_type", "default"}}}});
  EXPECT_EQ(half.rotary.width, 4);
  EXPECT_EQ(half.rotary.frequencies.size(), 2U);
}

TEST(Spec, CapsAreSwitchedOffWithNull) {
  const auto none = changed("gemma2", {{"attn_logit_softcapping", nullptr}, {"final_logit_softcapping", nullptr}});
  EXPECT_EQ(none.attention_softcap, 0.0);
  EXPECT_EQ(none.logit_softcap, 0.0);
  const auto usual = changed("gemma2", {{"attn_logit_softcapping", "absent"}, {"final_logit_softcapping", "absent"}});
  EXPECT_EQ(usual.attention_softcap, 50.0);
  EXPECT_EQ(usual.logit_softcap, 30.0);
}

TEST(Spec, ScalesOfTheScores) {
  const double root = 1.0 / std::sqrt(8.0);
  EXPECT_EQ(changed("gpt2", {}).attention_scales, (std::vector<double>{root, root}));
  EXPECT_EQ(changed("gpt2", {{"scale_attn_by_inverse_layer_idx", true}}).attention_scales,
            (std::vector<double>{root, root / 2}));
  EXPECT_EQ(changed("gpt2", {{"scale_attn_weights", false}}).attention_scales, (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(changed("gpt_neo", {}).attention_scales, (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(changed("gemma2", {{"query_pre_attn_scalar", 144}}).attention_scales[0], 1.0 / 12.0);
}

TEST(Spec, ActivationsByTheirNames) {
  using kernels::Activation;
  EXPECT_EQ(changed("gpt2", {{"activation_function", "gelu"}}).mlp.activation, Activation::kGelu);
  EXPECT_EQ(changed("gpt2", {{"activation_function", "silu"}}).mlp.activation, Activation::kSilu);
  EXPECT_EQ(changed("gpt2", {}).mlp.activation, Activation::kGeluTanh);
  EXPECT_EQ(changed("gemma", {{"hidden_act", "gelu"}, {"hidden_activation", nullptr}}).mlp.activation,
            Activation::kGeluTanh);
  EXPECT_EQ(changed("llama", {{"hidden_act", "gelu"}}).mlp.activation, Activation::kGelu);
}

TEST(Spec, LongRopeTakesItsFactorsAndTheLengthOutside) {
  const auto spec = changed("phi3_longrope", {});
  ASSERT_EQ(spec.rotary.frequencies.size(), 4U);
  EXPECT_DOUBLE_EQ(spec.rotary.frequencies[1], std::pow(10000.0, -0.25) / 1.1);
  EXPECT_DOUBLE_EQ(spec.rotary.long_frequencies[1], std::pow(10000.0, -0.25) / 2.2);
  EXPECT_EQ(spec.rotary.scaling.original_positions, 16);
  EXPECT_DOUBLE_EQ(spec.rotary.scaling.magnitude, std::sqrt(1.0 + std::log(8.0) / std::log(16.0)));
  EXPECT_EQ(changed("phi3_longrope", {{"original_max_position_embeddings", 32}}).rotary.scaling.original_positions, 32);
  EXPECT_EQ(
      changed("phi3_longrope", {{"original_max_position_embeddings", "absent"}}).rotary.scaling.original_positions, 16);
  auto rope = config_of("phi3_longrope").at("rope_parameters");
  rope["attention_factor"] = 1.5;
  rope["rope_type"] = "su";
  EXPECT_EQ(changed("phi3_longrope", {{"rope_parameters", rope}}).rotary.scaling.magnitude, 1.5);
  EXPECT_TRUE(changed("phi3", {}).rotary.long_frequencies.empty());
  EXPECT_EQ(changed("llama", {{"rope_parameters", nullptr}, {"rope_scaling", nullptr}, {"rope_theta", 500.0}})
                .rotary.scaling.theta,
            500.0);
  EXPECT_EQ(changed("phi3", {{"partial_rotary_factor", 0.5}, {"rope_parameters", "absent"}}).rotary.width, 4);
}

struct Refused {
  const char* model;
  io::Json fields;
  const char* message;
};

TEST(Spec, WhatIsNotSupportedIsRefusedByName) {
  const auto factors = [](const io::Json& list) {
    auto rope = config_of("phi3_longrope").at("rope_parameters");
    rope["long_factor"] = list;
    return io::Json{{"rope_parameters", rope}};
  };
  const std::vector<Refused> all = {
      {"llama", {{"model_type", "gptj"}}, "/model_type: expected one of"},
      {"llama",
       {{"partial_rotary_factor", 0.5}},
       "/partial_rotary_factor: expected 1: the architecture rotates whole heads"},
      {"gpt2",
       {{"add_cross_attention", true}},
       "/add_cross_attention: expected false: attention to the output of an encoder is not supported"},
      {"gpt2", {{"activation_function", "relu"}}, "/activation_function: expected one of"},
      {"gpt2", {{"n_head", 5}}, "/n_head: 5 heads cannot share a width of 32 evenly"},
      {"gpt2", {{"n_embd", "absent"}}, "/n_embd"},
      {"gpt2", {{"n_positions", 0}}, "/n_positions: expected"},
      {"gpt_neo", {{"attention_types", {{{"global", "sideways"}, 1}}}}, "/attention_types: expected entries like"},
      {"gpt_neo", {{"attention_types", {{{"global"}, 3}}}}, "that make 2 layers"},
      {"gpt_neo", {{"attention_types", {{{"global"}, 4000000000}}}}, "that make 2 layers"},
      {"gpt_neo", {{"attention_types", 7}}, "/attention_types: expected entries like"},
      {"gpt_neo",
       {{"attention_layers", {"local", "global"}}},
       "/attention_layers: does not say the same as attention_types"},
      {"gemma", {{"use_bidirectional_attention", true}}, "/use_bidirectional_attention: expected false"},
      {"gemma", {{"hidden_activation", "silu"}}, "/hidden_activation: is another activation than hidden_act says"},
      {"gemma2", {{"attn_logit_softcapping", 0}}, "/attn_logit_softcapping: expected"},
      {"gemma2", {{"query_pre_attn_scalar", -1}}, "/query_pre_attn_scalar: expected"},
      {"gemma2",
       {{"layer_types", {"full_attention"}}},
       "/layer_types: has 1 entries, expected one for each of the 2 layers"},
      {"gemma2",
       {{"layer_types", {"full_attention", "chunked_attention"}}},
       "layer 1 is 'chunked_attention', expected"},
      {"gemma2", {{"rope_parameters", {{"rope_type", "yarn"}}}}, "/rope_parameters/rope_type: expected one of"},
      {"glm", {{"num_key_value_heads", 3}}, "4 query heads cannot share 3 key/value heads evenly"},
      {"glm", {{"rope_parameters", {{"partial_rotary_factor", 0.4}}}}, "rotary width 3 is not an even number"},
      {"glm",
       {{"rope_parameters", {{"partial_rotary_factor", 1.5}}}},
       "/rope_parameters/partial_rotary_factor: expected"},
      {"phi3", {{"rope_parameters", {{"rope_type", "linear"}}}}, "/rope_parameters/rope_type: expected one of"},
      {"phi3_longrope", factors({1.0, 2.0}), "/rope_parameters/long_factor: expected a list of 4 numbers above 0"},
      {"phi3_longrope", factors({1.0, 2.0, -1.0, 3.0}),
       "/rope_parameters/long_factor: expected a list of 4 numbers above 0"},
      {"phi3_longrope", factors({1.0, 2.0, "x", 3.0}),
       "/rope_parameters/long_factor: expected a list of 4 numbers above 0"},
      {"phi3_longrope", factors(nullptr), "/rope_parameters/long_factor: expected a list of 4 numbers above 0"},
      {"phi3_longrope",
       {{"original_max_position_embeddings", 1}},
       "/original_max_position_embeddings: expected at least 2 for longrope"},
  };
  for (const auto& one : all) {
    EXPECT_THAT(message_of([&] { changed(one.model, one.fields); }), HasSubstr(one.message))
        << one.model << " " << one.fields.dump();
  }
}

TEST(Spec, AllMistakesAreToldAtOnce) {
  const auto message = message_of([] {
    changed("gpt2", {{"add_cross_attention", true}, {"activation_function", "relu"}, {"layer_norm_epsilon", -1}});
  });
  for (const char* key : {"/add_cross_attention", "/activation_function", "/layer_norm_epsilon"})
    EXPECT_THAT(message, HasSubstr(key));
}

}  // namespace
}  // namespace peftlab::model
