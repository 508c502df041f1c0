#include "core/plugin/options_state.h"
#include "support.h"

namespace peftlab::plugin {
namespace {

using testing::HasSubstr;

Targets all_linear() {
  Targets targets;
  targets.all_linear = true;
  return targets;
}

// Options over one object; all mistakes in `message` after `finish`.
struct Reading {
  explicit Reading(const std::string& json)
      : document(io::parse_json(json, "o.json")), state(std::make_shared<Options::State>(document, "", mistakes)), options(state) {}
  std::string finish() {
    state->reader.finish();
    return thrown<ConfigError>([&] { mistakes.throw_if_any(); });
  }
  io::Document document;
  io::Mistakes mistakes;
  std::shared_ptr<Options::State> state;
  Options options;
};

TEST(Options, ReadsEveryKindAndKeepsWhatItRead) {
  Reading r(R"({"i":4,"n":0.5,"f":true,"t":"x","c":"b","l":["p","q"],"k":[1,2],"m":{"b":1,"a":2.5},"any":{"x":[1]}})");
  EXPECT_EQ(r.options.integer("i", 1, "", {.least = 1}), 4);
  EXPECT_EQ(r.options.number("n", 0, ""), 0.5);
  EXPECT_TRUE(r.options.flag("f", false, ""));
  EXPECT_EQ(r.options.text("t", "", ""), "x");
  EXPECT_EQ(r.options.choice("c", "a", {"a", "b"}, ""), "b");
  EXPECT_EQ(r.options.texts("l", {}, ""), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(r.options.integers("k", {}, ""), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(r.options.numbers("m", ""), (std::vector<std::pair<std::string, double>>{{"b", 1.0}, {"a", 2.5}}));
  EXPECT_EQ(r.options.any("any", "").fields().find("x")->list().size(), 1u);
  EXPECT_EQ(r.options.integer("absent", 7, ""), 7);
  EXPECT_EQ(r.finish(), "");
  EXPECT_EQ(r.state->resolved["absent"], 7);
  EXPECT_EQ(r.state->resolved["m"].dump(), R"({"b":1,"a":2.5})");
  EXPECT_EQ(r.state->declared.size(), 10u);
}

TEST(Options, TellsAllMistakesAtOnce) {
  Reading r(R"({"rnak":4,"alpha":-1,"k":[1.5],"m":{"a":"x"},"o":3,"exclude":7})");
  r.options.integer("rank", 8, "", {.least = 1});
  r.options.number("alpha", 8, "", {.least = 0.0, .above = true});
  EXPECT_EQ(r.options.integers("k", {5}, ""), (std::vector<int64_t>{5}));
  r.options.numbers("m", "");
  r.options.numbers("o", "");
  r.options.targets("targets", all_linear(), "");
  r.options.mistake("alpha", "is odd");
  const auto message = r.finish();
  EXPECT_THAT(message, HasSubstr("/rnak: unknown key; did you mean 'rank'?"));
  EXPECT_THAT(message, HasSubstr("/alpha: expected a number above 0, got -1"));
  EXPECT_THAT(message, HasSubstr("/k: expected a list of integers, got [1.5]"));
  EXPECT_THAT(message, HasSubstr("/m: expected a number for 'a', got \"x\""));
  EXPECT_THAT(message, HasSubstr("/o: expected an object of numbers, got 3"));
  EXPECT_THAT(message, HasSubstr("/exclude: expected a list of module names or a regular expression, got 7"));
  EXPECT_THAT(message, HasSubstr("/alpha: is odd"));
  EXPECT_THAT(message, HasSubstr("o.json:1:"));
}

TEST(Options, TargetsAreNamesARegularExpressionOrAllLinear) {
  Reading names(R"({"targets":["q_proj"],"exclude":["k_proj"],"layers":[0,2]})");
  auto targets = names.options.targets("targets", all_linear(), "");
  EXPECT_EQ(targets.names, std::vector<std::string>{"q_proj"});
  EXPECT_FALSE(targets.all_linear);
  EXPECT_EQ(targets.exclude, std::vector<std::string>{"k_proj"});
  EXPECT_EQ(targets.layers, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(names.finish(), "");
  Reading regex(R"({"targets":".*q_proj","layers":1})");
  targets = regex.options.targets("targets", {}, "");
  EXPECT_EQ(targets.regex, ".*q_proj");
  EXPECT_EQ(targets.layers, std::vector<int64_t>{1});
  Reading all(R"({"targets":"all-linear"})");
  EXPECT_TRUE(all.options.targets("targets", {}, "").all_linear);
  Reading absent("{}");
  EXPECT_TRUE(absent.options.targets("targets", all_linear(), "").all_linear);
  EXPECT_EQ(absent.state->resolved["targets"], "all-linear");
  Reading wrong(R"({"targets":[1]})");
  wrong.options.targets("targets", {}, "");
  EXPECT_THAT(wrong.finish(), HasSubstr("expected a list of module names, a regular expression, or \"all-linear\", got [1]"));
}

TEST(Options, ResolvedOptionsReadBackAsTheyWere) {
  Reading first(R"({"targets":["q_proj"],"exclude":".*0.*","rank":3})");
  const auto read = [](Reading& r) {
    r.options.integer("rank", 8, "");
    return r.options.targets("targets", all_linear(), "");
  };
  read(first);
  Reading second(first.state->resolved.dump());
  const auto targets = read(second);
  EXPECT_EQ(second.finish(), "");
  EXPECT_EQ(targets.names, std::vector<std::string>{"q_proj"});
  EXPECT_EQ(targets.exclude, std::vector<std::string>{".*0.*"});
  EXPECT_EQ(second.state->resolved, first.state->resolved);
}

}  // namespace
}  // namespace peftlab::plugin
