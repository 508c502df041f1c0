#include "core/data/task/task.h"

#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const char kGood[] = R"({
  "about": "a small task",
  "source": {"kind": "csv", "file": "rows.csv", "columns": {"q": "Q", "a": "A"}},
  "split": {"sizes": {"train": 1}},
  "conversation": {"messages": [{"role": "user", "content": "{q}?"}, {"role": "assistant", "content": "{a}"}]}
})";

Task read(const TemporaryFolder& folder, const Json& value) { return load_task(folder.write("task.json", value.dump(2))); }

TEST(Task, TakesDefaultsAndResolvesTheFileBesideItself) {
  TemporaryFolder folder;
  folder.write("rows.csv", "Q,A\n1,2\n");
  const Task task = load_task(folder.write("task.json", kGood));
  EXPECT_EQ(task.source.file, folder.path() / "rows.csv");
  EXPECT_EQ(task.answer.metric, "loss");
  EXPECT_TRUE(task.clean.strip);
  EXPECT_EQ(task.split.sizes.size(), 1u);
}

TEST(Task, HashLeavesOutWordsAndPlacesButNotTheOrderOfFields) {
  TemporaryFolder folder;
  folder.write("rows.csv", "");
  folder.write("other.csv", "");
  Json value = Json::parse(kGood);
  const std::string hash = read(folder, value).hash;
  value["about"] = "in other words";
  value["source"]["file"] = "other.csv";
  EXPECT_EQ(read(folder, value).hash, hash);
  value["conversation"]["messages"][1]["content"] = Json{{"q", "{q}"}, {"a", "{a}"}};
  const std::string one = read(folder, value).hash;
  value["conversation"]["messages"][1]["content"] = Json{{"a", "{a}"}, {"q", "{q}"}};
  EXPECT_NE(read(folder, value).hash, one);
  EXPECT_NE(one, hash);
}

TEST(Task, AGivenFileStandsForTheOneNamed) {
  TemporaryFolder folder;
  const auto rows = folder.write("mine.csv", "");
  EXPECT_EQ(load_task(folder.write("task.json", kGood), rows).source.file, rows);
  EXPECT_THAT(message_of([&] { load_task(folder.write("task.json", kGood), folder.path() / "none.csv"); }),
              HasSubstr("none.csv: no such file"));
}

TEST(Task, AllMistakesAreToldAtOnceWithTheirPlaces) {
  TemporaryFolder folder;
  const auto path = folder.write("task.json", R"({
  "source": {"kind": "cvs", "file": "none.csv", "columns": {"q": "Q"}},
  "clean": {"drop_records_with": {"categories": ["Zz"]}, "stripe": true},
  "split": {"sizes": {"train": -1}},
  "conversation": {"messages": [{"role": "user", "content": "{qq} {"}]}
})");
  const std::string message = message_of([&] { load_task(path); });
  EXPECT_THAT(message, HasSubstr("/about: missing"));
  EXPECT_THAT(message, HasSubstr("task.json:2:14: /source/kind: expected one of 'csv', 'json', 'jsonl', got the string \"cvs\"; did you mean 'csv'?"));
  EXPECT_THAT(message, HasSubstr("/source/file: no such file"));
  EXPECT_THAT(message, HasSubstr("'Zz' is no Unicode general category"));
  EXPECT_THAT(message, HasSubstr("/clean/stripe: unknown key; did you mean 'strip'?"));
  EXPECT_THAT(message, HasSubstr("/split/sizes/train: expected an integer of at least 0, got -1"));
  EXPECT_THAT(message, HasSubstr("a '{' that is never closed; a brace itself is written '{{'"));
  EXPECT_THAT(message, HasSubstr("the last message must be the assistant's"));
}

struct Wrong {
  const char *pointer, *value, *message;
};

class WrongTask : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongTask, IsRefused) {
  TemporaryFolder folder;
  folder.write("rows.csv", "");
  Json value = Json::parse(kGood);
  value[Json::json_pointer(GetParam().pointer)] = Json::parse(GetParam().value);
  EXPECT_THAT(message_of([&] { read(folder, value); }), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Task, WrongTask,
    ::testing::Values(
        Wrong{"/source/dataset", "\"roads\"", "both of 'file' and 'dataset' given, expected one"},
        Wrong{"/source/file", "\"\"", "neither of 'file' and 'dataset' given, expected one"},
        Wrong{"/source/delimiter", "\"::\"", "expected one ASCII character"},
        Wrong{"/source/columns", "[1]", "expected an object of strings"},
        Wrong{"/source/columns/q", "1", "/source/columns/q: expected a string"},
        Wrong{"/source/records", "\"/data\"", "only json has it, the kind is 'csv'"},
        Wrong{"/source", R"({"kind": "jsonl", "file": "rows.csv", "skip_rows": 1})", "only csv has it, the kind is 'jsonl'"},
        Wrong{"/source", R"({"kind": "json", "file": "rows.csv", "records": "data"})", "expected a JSON pointer, which begins with '/'"},
        Wrong{"/source", R"({"kind": "csv", "file": "rows.csv", "find_header": true})", "needs 'columns'"},
        Wrong{"/clean", R"({"replace": {"": "x"}})", "an empty text can not be replaced"},
        Wrong{"/clean", R"({"remove": {"except": "x"}})", "takes characters out of nothing"},
        Wrong{"/clean", R"({"may_be_empty": "b"})", "no field 'b'; the fields here are 'a', 'q'"},
        Wrong{"/derive", R"([{"field": "x"}])", "/derive/0/text: missing, expected a template"},
        Wrong{"/derive", R"([{"field": "x", "text": "{y}"}])", "/derive/0/text: no field 'y'"},
        Wrong{"/keep", R"([{"field": "qu"}])", "no field 'qu'"},
        Wrong{"/keep", R"([{"field": "q", "min_characters": 5, "max_characters": 4}])", "less than 'min_characters'"},
        Wrong{"/unique", R"(["qq"])", "/unique: no field 'qq'"},
        Wrong{"/split/ratios", R"({"train": 0.5})", "both of 'sizes' and 'ratios' given, expected one"},
        Wrong{"/split", R"({})", "neither of 'sizes' and 'ratios' given, expected one"},
        Wrong{"/split", R"({"ratios": {"train": 0.9, "test": 0.2}})", "the shares are more than 1 together"},
        Wrong{"/split", R"({"sizes": {"train": 0}})", "no split holds a record"},
        Wrong{"/conversation/kind", "\"messages\"", "only the kind 'fill' has it"},
        Wrong{"/conversation/roles", R"({"human": "usr"})", "expected one of 'system', 'user', 'assistant', 'tool', got 'usr'"},
        Wrong{"/conversation/role_key", "\"from\"", "only the kind 'messages' has it"},
        Wrong{"/conversation/messages/0", R"({"role": "user"})", "missing, expected a template or a JSON value"},
        Wrong{"/conversation/messages/0/content", "\"a } b\"", "a '}' without its '{'; a brace itself is written '}}'"},
        Wrong{"/conversation/messages/0/content", "\"{}\"", "'{}' names no field"},
        Wrong{"/conversation/messages/1/content", R"({"x": ["{aa}"]})", "/conversation/messages/1/content/x/0: no field 'aa'"},
        Wrong{"/conversation", R"({"kind": "prompt_completion"})", "no field 'prompt'"},
        Wrong{"/conversation", R"({"kind": "instruction"})", "no field 'instruction'"},
        Wrong{"/answer", R"({"stop": ""})", "an empty stop string would end every answer"},
        Wrong{"/answer", R"({"metric": "exact_match_json"})", "'exact_match_json' needs \"read\": \"json\""},
        Wrong{"/answer", R"({"metric": "exact_mach"})", "did you mean 'exact_match'?"}));

TEST(Task, TheSchemaHoldsEveryLevel) {
  const Json schema = task_schema();
  EXPECT_EQ(schema.at("type"), "object");
  EXPECT_TRUE(schema.at("properties").at("source").at("properties").contains("columns"));
  EXPECT_TRUE(schema.at("properties").at("derive").dump().find("remove_prefix") != std::string::npos);
  EXPECT_TRUE(schema.at("properties").at("conversation").dump().find("\"content\"") != std::string::npos);
  EXPECT_THAT(schema.at("properties").at("answer").dump(), HasSubstr("exact_match_json"));
}

TEST(Task, TheShippedOnesAreRight) {
  for (const char* name : {"roads.json", "roads_no_example.json", "roads_csv.json"}) {
    EXPECT_NO_THROW(load_task(shipped_task(name), golden("dirty_roads.csv"))) << name;
  }
}

}  // namespace
}  // namespace peftlab::data
