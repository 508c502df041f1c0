#include "core/plugin/target_match.h"

#include "support.h"

namespace peftlab::plugin {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// Two layers of a model that keeps query, key and value in one matrix.
const std::vector<TargetModule> kModules = {{"h.0.attn.c_attn", 0, true, {"q_proj", "k_proj", "v_proj"}},
                                            {"h.0.mlp.c_fc", 0, true},
                                            {"h.1.attn.c_attn", 1, true, {"q_proj", "k_proj", "v_proj"}},
                                            {"h.1.mlp.c_fc", 1, true}};

Targets of(std::vector<std::string> names, std::vector<std::string> exclude = {}, std::vector<int64_t> layers = {}) {
  Targets targets;
  targets.names = std::move(names);
  targets.exclude = std::move(exclude);
  targets.layers = std::move(layers);
  return targets;
}

Targets by(const std::string& regex) {
  Targets targets;
  targets.regex = regex;
  return targets;
}

std::string faults(const Targets& targets, const MatchRules& rules = {}) {
  return thrown<ConfigError>([&] { match_targets(kModules, targets, rules); });
}

constexpr const char* kHas = "; the model has: c_attn (q_proj, k_proj and v_proj in one), c_fc";

TEST(TargetMatch, TellsAllThatMatchesNothing) {
  EXPECT_EQ(faults(of({"xx", "c_fc", "yy"}, {"c_attn", "zz"}, {1, 7, -2})),
            std::string("targets: 'xx' matches no module") + kHas + "\ntargets: 'yy' matches no module" + kHas +
                "\nexclude: 'zz' matches no module" + kHas +
                "\nlayers: there is no layer 7; the model has layers 0 to 1\n" +
                "layers: there is no layer -2; the model has layers 0 to 1");
  EXPECT_EQ(faults(by(".*q_proj")), std::string("targets: '.*q_proj' matches no module") + kHas);
  EXPECT_EQ(faults(of({"c_fc"}, {".*z+"})), std::string("exclude: '.*z+' matches no module") + kHas);
  EXPECT_EQ(faults(of({"c_fc", "h.0.attn.c_attn"}, {"c_attn"}, {1})), "");
}

TEST(TargetMatch, WhatCannotBeMeantMayBeLeftOut) {
  const MatchRules rules{{"wte", "lm_head"}};
  EXPECT_EQ(faults(of({"c_fc"}, {"lm_head", "wte"}), rules), "");
  EXPECT_THAT(faults(of({"wte"}), rules), HasSubstr("targets: 'wte' matches no module; the model has: c_attn"));
  EXPECT_THAT(faults(of({"c_fc"}, {"lm_haed"}), rules),
              HasSubstr("exclude: 'lm_haed' matches no module; did you mean 'lm_head'?"));
}

TEST(TargetMatch, AnAdaptersExcludeAndLayersMayMatchNothing) {
  EXPECT_EQ(faults(of({"c_fc"}, {"zz"}, {0, 7}), {{}, true}), "");
  EXPECT_THAT(faults(of({"xx"}), {{}, true}), HasSubstr("'xx' matches no module"));
}

TEST(TargetMatch, NamesWhatIsNear) {
  EXPECT_THAT(faults(of({"c_atn"})), HasSubstr("'c_atn' matches no module; did you mean 'c_attn'?; the model has: "));
  EXPECT_THAT(faults(of({"mlp.c_fk"})), HasSubstr("did you mean 'mlp.c_fc'?"));
  EXPECT_THAT(faults(of({"h.7.mlp.c_fc"})), HasSubstr("did you mean 'h.0.mlp.c_fc'?"));
  EXPECT_THAT(faults(of({"q_proj"})),
              HasSubstr("'q_proj' matches no module; it is a part of 'c_attn' here; the model has: "));
  EXPECT_THAT(faults(of({"self_attn.v_proj"})), HasSubstr("it is a part of 'c_attn' here"));
}

TEST(TargetMatch, SaysWhatLeavesNothing) {
  EXPECT_EQ(faults(of({"c_fc"}, {"c_fc"})),
            std::string("targets: 'c_fc' leaves no module to fill, for exclude leaves out all that it means") + kHas);
  EXPECT_EQ(
      faults(of({"c_fc", "c_attn"}, {"mlp.c_fc", "c_attn"}, {0})),
      std::string(
          "targets: the given names leave no module to fill, for exclude and layers leave out all that they mean") +
          kHas);
  EXPECT_THAT(faults(of({"h.0.mlp.c_fc"}, {}, {1})),
              HasSubstr("leaves no module to fill, for layers leaves out all that it means"));
  EXPECT_EQ(faults(Targets()), std::string("targets: nothing is named") + kHas);
}

TEST(TargetMatch, RefusesWhatIsNoExpression) {
  EXPECT_EQ(faults(by("(")), "targets: '(' is no regular expression: '(' at character 1 is never closed");
  EXPECT_THAT(faults(of({"c_fc"}, {"["})),
              EndsWith("exclude: '[' is no regular expression: '[' at character 1 is never closed"));
}

}  // namespace
}  // namespace peftlab::plugin
