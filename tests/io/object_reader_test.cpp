#include "core/io/object_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace peftlab::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Reads a text, one object, and keeps what was wrong.
struct Reading {
  explicit Reading(const std::string& text, const Pointer& pointer = "")
      : document(parse_json(text, "f")), reader(document, pointer, mistakes) {}
  Document document;
  Mistakes mistakes;
  ObjectReader reader;
  const std::vector<std::string>& lines() const { return mistakes.lines(); }
};

TEST(ObjectReader, ReadsEachType) {
  Reading r(
      R"({"i": -3, "h": 1e2, "n": 0.5, "m": 2, "b": true, "s": "路", "c": "two",
               "l": ["a", "b"], "o": "one", "x": [1]})");
  EXPECT_EQ(r.reader.integer("i", std::nullopt, ""), -3);
  EXPECT_EQ(r.reader.integer("h", std::nullopt, ""), 100);
  EXPECT_EQ(r.reader.number("n", std::nullopt, ""), 0.5);
  EXPECT_EQ(r.reader.number("m", std::nullopt, ""), 2.0);
  EXPECT_TRUE(r.reader.flag("b", std::nullopt, ""));
  EXPECT_EQ(r.reader.text("s", std::nullopt, ""), "路");
  EXPECT_EQ(r.reader.choice("c", std::nullopt, {"one", "two"}, ""), "two");
  EXPECT_THAT(r.reader.texts("l", std::nullopt, ""), ElementsAre("a", "b"));
  EXPECT_THAT(r.reader.texts("o", std::nullopt, ""), ElementsAre("one"));
  EXPECT_EQ(r.reader.any("x", "").dump(), "[1]");
  r.reader.finish();
  EXPECT_THAT(r.lines(), IsEmpty());
}

TEST(ObjectReader, AbsentAndNullKeysTakeTheirFallback) {
  Reading r(R"({"i": null})");
  EXPECT_FALSE(r.reader.has("i"));
  EXPECT_FALSE(r.reader.has("j"));
  EXPECT_EQ(r.reader.integer("i", 7, ""), 7);
  EXPECT_EQ(r.reader.number("n", 0.25, ""), 0.25);
  EXPECT_TRUE(r.reader.flag("b", true, ""));
  EXPECT_EQ(r.reader.text("s", "t", ""), "t");
  EXPECT_EQ(r.reader.choice("c", "one", {"one"}, ""), "one");
  EXPECT_THAT(r.reader.texts("l", std::vector<std::string>{"z"}, ""), ElementsAre("z"));
  EXPECT_TRUE(r.reader.any("x", "").is_null());
  EXPECT_EQ(r.reader.object("o", "").integer("k", 3, ""), 3);
  EXPECT_THAT(r.reader.objects("os", ""), IsEmpty());
  r.reader.finish();
  EXPECT_THAT(r.lines(), IsEmpty());
}

TEST(ObjectReader, MissingKeysSayWhatIsExpected) {
  Reading r("{}");
  r.reader.integer("i", std::nullopt, "the rank", {.least = 1});
  r.reader.number("n", std::nullopt, "a rate", {.least = 0, .most = 1, .above = true});
  r.reader.flag("b", std::nullopt, "a switch");
  r.reader.text("s", std::nullopt, "why");
  r.reader.choice("c", std::nullopt, {"one", "two"}, "which");
  r.reader.texts("l", std::nullopt, "names");
  r.reader.object("o", "settings", true);
  EXPECT_THAT(r.lines(), ElementsAre("f:1:1: /i: missing, expected an integer of at least 1: the rank",
                                     "f:1:1: /n: missing, expected a number above 0 and at most 1: a rate",
                                     "f:1:1: /b: missing, expected true or false: a switch",
                                     "f:1:1: /s: missing, expected a string: why",
                                     "f:1:1: /c: missing, expected one of 'one', 'two': which",
                                     "f:1:1: /l: missing, expected a string or a list of strings: names",
                                     "f:1:1: /o: missing, expected an object: settings"));
}

TEST(ObjectReader, WrongTypesAreToldAndReadingGoesOn) {
  Reading r(
      R"({"i": "4", "h": 1.5, "n": true, "b": 1, "s": 3, "c": ["one"], "l": {"a": 1},)"
      R"( "m": ["a", 2], "o": 5, "p": {}, "q": [{}, 1]})");
  EXPECT_EQ(r.reader.integer("i", 9, ""), 9);
  EXPECT_EQ(r.reader.integer("h", 9, ""), 9);
  EXPECT_EQ(r.reader.number("n", 0.5, ""), 0.5);
  EXPECT_FALSE(r.reader.flag("b", false, ""));
  EXPECT_EQ(r.reader.text("s", "t", ""), "t");
  EXPECT_EQ(r.reader.choice("c", "one", {"one", "two"}, ""), "one");
  EXPECT_THAT(r.reader.texts("l", std::vector<std::string>{"z"}, ""), ElementsAre("z"));
  r.reader.texts("m", std::nullopt, "");
  EXPECT_EQ(r.reader.object("o", "").integer("k", 3, ""), 3);
  EXPECT_THAT(r.reader.objects("p", ""), IsEmpty());
  EXPECT_EQ(r.reader.objects("q", "").size(), 2u);
  EXPECT_THAT(r.lines(),
              ElementsAre("f:1:2: /i: expected an integer, got the string \"4\"",
                          "f:1:12: /h: expected an integer, got 1.5", "f:1:22: /n: expected a number, got true",
                          "f:1:33: /b: expected true or false, got 1", "f:1:41: /s: expected a string, got 3",
                          "f:1:49: /c: expected one of 'one', 'two', got the list [\"one\"]",
                          "f:1:63: /l: expected a string or a list of strings, got an object",
                          "f:1:89: /m/1: expected a string, got 2", "f:1:93: /o: expected an object, got 5",
                          "f:1:101: /p: expected a list of objects, got an object",
                          "f:1:120: /q/1: expected an object, got 1"));
}

TEST(ObjectReader, RangesHoldAtTheirEnds) {
  Reading r(R"({"a": 0, "b": 1, "c": 1.0, "d": 0.0, "e": 5, "f": 99, "g": 1})");
  r.reader.integer("a", 1, "", {.least = 1});
  r.reader.integer("b", 1, "", {.least = 1, .most = 4});
  r.reader.number("c", 0.5, "", {.least = 0, .most = 1, .below = true});
  r.reader.number("d", 0.5, "", {.least = 0, .above = true});
  r.reader.integer("e", 1, "", {.least = 1, .most = 4});
  r.reader.number("f", 0.5, "", {.most = 9});
  r.reader.number("g", 0.5, "", {.least = 0, .most = 1});
  EXPECT_THAT(r.lines(), ElementsAre("f:1:2: /a: expected an integer of at least 1, got 0",
                                     "f:1:18: /c: expected a number of at least 0 and below 1, got 1.0",
                                     "f:1:28: /d: expected a number above 0, got 0.0",
                                     "f:1:38: /e: expected an integer of at least 1 and at most 4, got 5",
                                     "f:1:46: /f: expected a number of at most 9, got 99"));
}

TEST(ObjectReader, IntegersBeyond64BitsAreMistakes) {
  Reading r(R"({"a": 9223372036854775807, "b": 9223372036854775808, "c": 1e300, "d": -9223372036854775808})");
  EXPECT_EQ(r.reader.integer("a", 0, ""), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(r.reader.integer("b", 0, ""), 0);
  EXPECT_EQ(r.reader.integer("c", 0, ""), 0);
  EXPECT_EQ(r.reader.integer("d", 0, ""), std::numeric_limits<int64_t>::min());
  EXPECT_THAT(r.lines(), ElementsAre("f:1:28: /b: expected an integer, got 9223372036854775808",
                                     "f:1:54: /c: expected an integer, got 1e+300"));
}

TEST(ObjectReader, NumbersThatAreNotFiniteAreMistakes) {
  Mistakes mistakes;
  Document document{Json{{"n", std::nan("")}, {"i", INFINITY}}, [](const Pointer&) { return "here"; }};
  ObjectReader reader(document, "", mistakes);
  EXPECT_EQ(reader.number("n", 1.5, ""), 1.5);
  EXPECT_EQ(reader.integer("i", 2, ""), 2);
  EXPECT_EQ(mistakes.lines().size(), 2u);
}

TEST(ObjectReader, AChoiceNamesTheNearest) {
  Reading r(R"({"schedule": "cosin"})");
  EXPECT_EQ(r.reader.choice("schedule", "linear", {"linear", "cosine"}, ""), "linear");
  EXPECT_THAT(
      r.lines(),
      ElementsAre(
          "f:1:2: /schedule: expected one of 'linear', 'cosine', got the string \"cosin\"; did you mean 'cosine'?"));
}

TEST(ObjectReader, UnknownKeysNameTheNearest) {
  Reading r("{\"rnak\": 4,\n \"whatever\": 1,\n \"a/b\": 1, \"inner\": {\"x\": 1}, \"list\": [{\"depht\": 1}]}");
  r.reader.integer("rank", 8, "");
  r.reader.number("alpha", 16.0, "");
  r.reader.object("inner", "");
  for (auto& one : r.reader.objects("list", "")) one.integer("depth", 1, "");
  r.reader.finish();
  r.reader.finish();
  EXPECT_THAT(r.lines(), ElementsAre("f:3:22: /inner/x: unknown key; expected none",
                                     "f:3:41: /list/0/depht: unknown key; did you mean 'depth'?",
                                     "f:1:2: /rnak: unknown key; did you mean 'rank'?",
                                     "f:2:2: /whatever: unknown key; expected one of 'rank', 'alpha', 'inner', 'list'",
                                     "f:3:2: /a~1b: unknown key; expected one of 'rank', 'alpha', 'inner', 'list'"));
}

TEST(ObjectReader, StandsOnAPointer) {
  Reading r(R"({"train": {"steps": 0}, "list": [1]})", "/train");
  EXPECT_EQ(r.reader.pointer(), "/train");
  EXPECT_EQ(r.reader.integer("steps", 1, ""), 0);
  r.reader.mistake("steps", "too few");
  r.reader.mistake("", "bad all over");
  EXPECT_THAT(r.lines(), ElementsAre("f:1:12: /train/steps: too few", "f:1:2: /train: bad all over"));
  ObjectReader list(r.document, "/list/0", r.mistakes);
  EXPECT_EQ(r.lines().back(), "f:1:34: /list/0: expected an object, got 1");
  ObjectReader whole(r.document, "/none", r.mistakes);
  EXPECT_EQ(whole.integer("k", 4, ""), 4);
  EXPECT_EQ(r.lines().size(), 3u);
}

TEST(ObjectReader, ADocumentThatIsNoObjectIsAMistake) {
  Reading r("[1]");
  EXPECT_THAT(r.lines(), ElementsAre("f:1:1: expected an object, got the list [1]"));
}

TEST(ObjectReader, LongValuesAreCut) {
  Reading r("{\"i\": \"" + std::string(57, 'a') + "路路路路\"}");
  r.reader.integer("i", 1, "");
  EXPECT_THAT(r.lines(),
              ElementsAre("f:1:2: /i: expected an integer, got the string \"" + std::string(57, 'a') + "..."));
}

TEST(ObjectReader, OptionalNumbersMayBeAbsent) {
  Reading r(R"({"i": 3, "n": 0.5, "j": 0, "m": "x"})");
  EXPECT_EQ(r.reader.optional_integer("i", ""), 3);
  EXPECT_EQ(r.reader.optional_number("n", ""), 0.5);
  EXPECT_EQ(r.reader.optional_integer("none", ""), std::nullopt);
  EXPECT_EQ(r.reader.optional_number("nothing", ""), std::nullopt);
  EXPECT_EQ(r.reader.optional_integer("j", "", {.least = 1}), std::nullopt);
  EXPECT_EQ(r.reader.optional_number("m", ""), std::nullopt);
  EXPECT_THAT(r.lines(), ElementsAre("f:1:20: /j: expected an integer of at least 1, got 0",
                                     "f:1:28: /m: expected a number, got the string \"x\""));
}

TEST(Schema, SaysWhatTheReaderReads) {
  Reading r(R"({"list": [{}]})");
  r.reader.text("about", std::nullopt, "why");
  r.reader.integer("rank", 8, "the rank", {.least = 1, .most = 64});
  r.reader.number("rate", 0.5, "a rate", {.least = 0, .most = 1, .above = true, .below = true});
  r.reader.choice("kind", "a", {"a", "b"}, "which");
  r.reader.texts("names", std::nullopt, "names");
  r.reader.any("rest", "anything");
  r.reader.any("pair", "two numbers", Json{{"type", "array"}, {"minItems", 2}});
  r.reader.optional_integer("most", "a limit", {.least = 1});
  r.reader.choice("bits", "", {"nf4"}, "storage");
  r.reader.object("inner", "settings").flag("on", true, "a switch");
  r.reader.objects("list", "things").front().text("name", std::nullopt, "a name");
  const Json expected = Json::parse(R"({"type": "object", "properties": {
    "about": {"type": "string", "description": "why"},
    "rank": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 64}, {"type": "null"}],
             "description": "the rank", "default": 8},
    "rate": {"anyOf": [{"type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0}, {"type": "null"}],
             "description": "a rate", "default": 0.5},
    "kind": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}],
             "description": "which", "default": "a"},
    "names": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "description": "names"},
    "rest": {"description": "anything"},
    "pair": {"type": "array", "minItems": 2, "description": "two numbers"},
    "most": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "description": "a limit"},
    "bits": {"anyOf": [{"type": "string", "enum": ["nf4"]}, {"type": "null"}], "description": "storage"},
    "inner": {"anyOf": [{"type": "object", "properties": {
                           "on": {"anyOf": [{"type": "boolean"}, {"type": "null"}],
                                  "description": "a switch", "default": true}},
                         "additionalProperties": false}, {"type": "null"}], "description": "settings"},
    "list": {"anyOf": [{"type": "array", "items": {"type": "object", "properties": {
                           "name": {"type": "string", "description": "a name"}},
                         "additionalProperties": false, "required": ["name"]}}, {"type": "null"}],
             "description": "things", "default": []}
  }, "additionalProperties": false, "required": ["about", "names"]})");
  EXPECT_EQ(schema_of(r.reader.declared()).dump(1), expected.dump(1));
}

}  // namespace
}  // namespace peftlab::io
