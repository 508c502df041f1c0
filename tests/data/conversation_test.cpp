#include "core/data/conversation.h"

#include "core/data/records/placeholders.h"
#include "core/data/records/records.h"
#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Task task_of(ConversationKind kind) {
  Task task;
  task.conversation.kind = kind;
  return task;
}

TEST(Placeholders, BracesAreDoubled) {
  const Json fields = {{"a", "x"}, {"n", 3}, {"list", {1, "é"}}};
  const Lookup lookup = [&](const std::string& name) -> const Json& { return field_of(fields, name); };
  EXPECT_EQ(fill("{{{a}}} {n} {list}", lookup), "{x} 3 [1, \"é\"]");
  EXPECT_THAT(placeholders_of("{{a}} {b}{c}"), ElementsAre("b", "c"));
  EXPECT_THROW(fill("{z}", lookup), NoField);
}

TEST(Placeholders, AValueAloneKeepsItsType) {
  const Json fields = {{"n", 3}, {"t", true}, {"s", "a\"b"}};
  const Lookup lookup = [&](const std::string& name) -> const Json& { return field_of(fields, name); };
  EXPECT_EQ(dump_like_python(fill_json({{"n", "{n}"}, {"m", "{n}!"}, {"t", {"{t}", nullptr, 1.5}}, {"s", "{s}"}}, lookup)),
            R"({"n": 3, "m": "3!", "t": [true, null, 1.5], "s": "a\"b"})");
  EXPECT_EQ(dump_like_python(Json::object()), "{}");
  EXPECT_EQ(dump_like_python(Json::array()), "[]");
}

TEST(Conversation, FillsTemplates) {
  Task task = task_of(ConversationKind::fill);
  task.conversation.system = "be short";
  task.conversation.fill = {{"user", "{q}?"}, {"assistant", Json{{"answer", "{a}"}}}};
  const auto made = make_conversation(task, 7, {{"q", "why"}, {"a", "因為"}}).conversation;
  ASSERT_TRUE(made);
  EXPECT_EQ(made->row, 7);
  EXPECT_EQ(made->reference(), "{\"answer\": \"因為\"}");
  EXPECT_EQ(made->input().dump(), R"([{"role":"system","content":"be short"},{"role":"user","content":"why?"}])");
  EXPECT_THAT(made->trained, ElementsAre(false, false, true));
}

TEST(Conversation, InstructionPutsInputBehindABlankLine) {
  const Task task = task_of(ConversationKind::instruction);
  const auto with = make_conversation(task, 1, {{"instruction", "add"}, {"input", "1 2"}, {"output", "3"}}).conversation;
  EXPECT_EQ(with->messages[0].at("content"), "add\n\n1 2");
  const auto without = make_conversation(task, 1, {{"instruction", "hi"}, {"input", ""}, {"output", "ho"}}).conversation;
  EXPECT_EQ(without->messages[0].at("content"), "hi");
  EXPECT_EQ(make_conversation(task, 1, {{"instruction", "hi"}, {"output", "ho"}}).conversation->reference(), "ho");
}

TEST(Conversation, MessagesKeepTurnsRolesAndWeights) {
  Task task = task_of(ConversationKind::messages);
  task.conversation.field = "conversations";
  task.conversation.role_key = "from";
  task.conversation.content_key = "value";
  task.conversation.roles = {{"human", "user"}, {"gpt", "assistant"}};
  const Json fields = {{"conversations",
                        {{{"from", "human"}, {"value", "a"}},
                         {{"from", "gpt"}, {"value", "b"}, {"loss_weight", 0.0}},
                         {{"from", "human"}, {"value", {{{"type", "text"}, {"value", "c"}}, {{"type", "text"}, {"text", "d"}}}}},
                         {{"from", "gpt"}, {"value", "e"}, {"loss_weight", 1.0}}}}};
  const auto made = make_conversation(task, 1, fields).conversation;
  ASSERT_TRUE(made);
  EXPECT_THAT(made->trained, ElementsAre(false, false, false, true));
  EXPECT_EQ(made->messages[2].dump(), R"({"role":"user","content":"cd"})");
}

struct Unusable {
  ConversationKind kind;
  const char *fields, *reason;
};

class UnusableRecords : public ::testing::TestWithParam<Unusable> {};

TEST_P(UnusableRecords, SayWhy) {
  Task task = task_of(GetParam().kind);
  task.answer = {{"}"}, true, "exact_match_json"};
  const auto made = make_conversation(task, 1, Json::parse(GetParam().fields));
  EXPECT_FALSE(made.conversation);
  EXPECT_EQ(made.reason, GetParam().reason);
}

constexpr auto kMessages = ConversationKind::messages;
constexpr auto kPrompt = ConversationKind::prompt_completion;
INSTANTIATE_TEST_SUITE_P(
    Conversation, UnusableRecords,
    ::testing::Values(
        Unusable{kPrompt, R"({"prompt": "a"})", "no field 'completion'"},
        Unusable{kPrompt, R"({"prompt": "a", "completion": ""})", "the answer is empty"},
        Unusable{kPrompt, R"({"prompt": "a", "completion": "{\"a\": {}}"})", "a stop string stands inside the reference answer"},
        Unusable{kPrompt, R"({"prompt": "a", "completion": "{a}"})", "the reference answer is not JSON"},
        Unusable{kMessages, R"({"messages": 3})", "field 'messages' is not a list of messages"},
        Unusable{kMessages, R"({"messages": []})", "no messages"},
        Unusable{kMessages, R"({"messages": ["a"]})", "a message is not an object"},
        Unusable{kMessages, R"({"messages": [{"role": "user"}]})", "a message has no 'content'"},
        Unusable{kMessages, R"({"messages": [{"content": "a"}]})", "no field 'role'"},
        Unusable{kMessages, R"({"messages": [{"role": 1, "content": "a"}]})", "a message's 'role' is not text"},
        Unusable{kMessages, R"({"messages": [{"role": "bot", "content": "a"}]})", "unknown role 'bot'; name it in /conversation/roles"},
        Unusable{kMessages, R"({"messages": [{"role": "user", "content": 1}]})", "a message's content is neither text nor a list of texts"},
        Unusable{kMessages, R"({"messages": [{"role": "user", "content": [{"type": "image"}]}]})", "a message holds something else than text"},
        Unusable{kMessages, R"({"messages": [{"role": "user", "content": "a"}]})", "the last message is not the assistant's"},
        Unusable{kMessages, R"({"messages": [{"role": "assistant", "content": "{}"}]})", "nothing is asked: the answer is the only message"},
        Unusable{kMessages, R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{}", "loss_weight": 0}]})",
                 "no message is trained on"},
        Unusable{kMessages, R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{}", "loss_weight": 0.5}]})",
                 "a message's 'loss_weight' is neither 0 nor 1"}));

TEST(Records, DerivedFieldsAreCutOrDropped) {
  const Derived town{"town", "{site}", "{city}", "", "", false, false};
  Json fields = {{"city", "臺北市"}, {"site", "臺北市中正區"}};
  EXPECT_FALSE(derive({town}, fields));
  EXPECT_EQ(fields.at("town"), "中正區");
  fields["site"] = "中正區";
  EXPECT_EQ(derive({town}, fields), "field 'town': does not begin with {city}");
  Derived kept = town;
  kept.keep_otherwise = true;
  EXPECT_FALSE(derive({kept}, fields));
  EXPECT_EQ(fields.at("town"), "中正區");
  Json worked = {{"answer", "so 3 #### 18 "}};
  EXPECT_FALSE(derive({{"last", "{answer}", "", "", "####", true, false}}, worked));
  EXPECT_EQ(worked.at("last"), "18");
  EXPECT_EQ(derive({{"last", "{answer}", "", "", "==", true, false}}, worked), "field 'last': does not hold '=='");
  EXPECT_EQ(derive({{"x", "{answer}", "", "?", "", false, false}}, worked), "field 'x': does not end with ?");
  EXPECT_EQ(derive({{"x", "{none}", "", "", "", false, false}}, worked), "no field 'none'");
}

TEST(Records, CleaningGoesInOrderAndReachesNestedText) {
  Cleaning rule;
  rule.normalize = "nfkc";
  rule.replace = {{"台", "臺"}};
  rule.remove = {category_bits("Cf"), {U'-'}, {}};
  Json fields = {{"a", " 台北-１\u200B "}, {"list", {{{"content", "台\u3000"}}}}, {"n", 5}};
  EXPECT_FALSE(clean(rule, fields));
  EXPECT_EQ(fields.dump(), R"({"a":"臺北1","list":[{"content":"臺"}],"n":5})");
  rule.drop_records_with = {category_bits("Nd"), {}, {U'2'}};
  EXPECT_EQ(clean(rule, fields), "character U+0031 (Nd)");
}

TEST(Records, FiltersSayWhichConditionFailed) {
  const Json fields = {{"f", "臺北市"}};
  const auto failed = [&](auto change) {
    Filter rule;
    rule.field = "f";
    change(rule);
    return filter({rule}, fields).value_or("");
  };
  EXPECT_EQ(failed([](Filter& r) { r.ends_with = {"縣", "市"}; r.min_characters = 3; r.max_characters = 3; }), "");
  EXPECT_EQ(failed([](Filter& r) { r.ends_with = {"縣"}; }), "field 'f': ends with none of '縣'");
  EXPECT_EQ(failed([](Filter& r) { r.starts_with = {"高"}; }), "field 'f': begins with none of '高'");
  EXPECT_EQ(failed([](Filter& r) { r.one_of = {"a", "b"}; }), "field 'f': none of 'a', 'b'");
  EXPECT_EQ(failed([](Filter& r) { r.none_of = {"臺北市"}; }), "field 'f': one of '臺北市'");
  EXPECT_EQ(failed([](Filter& r) { r.contains = {"東"}; }), "field 'f': holds none of '東'");
  EXPECT_EQ(failed([](Filter& r) { r.lacks = {"北"}; }), "field 'f': holds one of '北'");
  EXPECT_EQ(failed([](Filter& r) { r.min_characters = 4; }), "field 'f': shorter than 4 characters");
  EXPECT_EQ(failed([](Filter& r) { r.max_characters = 2; }), "field 'f': longer than 2 characters");
  EXPECT_EQ(failed([](Filter& r) { r.field = "g"; }), "no field 'g'");
}

}  // namespace
}  // namespace peftlab::data
