#include "core/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <fstream>

#include "peftlab/error.h"

namespace peftlab::text {
namespace {

using ::testing::HasSubstr;

const Json kConversation =
    Json::parse(R"([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}])");

std::string rendered(const std::string& source, const Json& variables = Json::object()) {
  RenderOptions options;
  for (const auto& [name, value] : variables.items()) options.variables[name] = value;
  return ChatTemplate(source).render(kConversation, options);
}

std::string failure(const std::string& source, const Json& variables = Json::object()) {
  try {
    return "rendered: " + rendered(source, variables);
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(ChatTemplate, PutsRolesSpecialTokensAndTheGenerationPromptInPlace) {
  const ChatTemplate chat(
      "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m['content'] }}{{ eos_token }}\n{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}{{ pad_token }}",
      {.bos = "<s>", .eos = "</s>"});
  EXPECT_EQ(chat.render(kConversation), "<s><user>hi</s>\n<assistant>yo</s>\n");
  EXPECT_EQ(chat.render(kConversation, {.add_generation_prompt = true}),
            "<s><user>hi</s>\n<assistant>yo</s>\n<assistant>");
}

TEST(ChatTemplate, ToolsAreNoneUnlessGiven) {
  const ChatTemplate chat("{{ tools is defined }} {{ tools is none }} {{ tools | tojson }} {{ documents }}");
  EXPECT_EQ(chat.render(kConversation), "True True null None");
  RenderOptions options;
  options.tools = Json::parse(R"([{"name": "f", "é": 1.0}])");
  EXPECT_EQ(chat.render(kConversation, options), "True False [{\"name\": \"f\", \"é\": 1.0}] None");
}

TEST(ChatTemplate, ReasoningComesUnderTheNamesThatTemplatesRead) {
  const Json messages = Json::parse(R"([{"role": "assistant", "content": "a", "reasoning": "because"}])");
  EXPECT_EQ(ChatTemplate("{{ messages[0].reasoning_content }} {{ messages[0].thinking }}").render(messages),
            "because because");
}

TEST(ChatTemplate, StrftimeNowUsesTheTimeGiven) {
  std::tm day{};
  day.tm_year = 124, day.tm_mon = 6, day.tm_mday = 26, day.tm_hour = 12, day.tm_isdst = -1;
  RenderOptions options;
  options.now = std::chrono::system_clock::from_time_t(std::mktime(&day));
  EXPECT_EQ(ChatTemplate("{{ strftime_now('%d %b %Y') }}").render(kConversation, options), "26 Jul 2024");
  EXPECT_THAT(failure("{{ strftime_now('%f') }}"), HasSubstr("the directive '%f' is not supported"));
}

TEST(ChatTemplate, GenerationSpansAreBytesOfTheText) {
  const ChatTemplate chat(
      "{% for m in messages %}路{% if m.role == 'assistant' %}{% generation %}{{ m.content }}é{% endgeneration %}"
      "{% else %}{{ m.content }}{% endif %}.{% endfor %}");
  EXPECT_TRUE(chat.marks_generation());
  const Rendered result = chat.render_with_spans(kConversation);
  ASSERT_EQ(result.text, "路hi.路yoé.");
  ASSERT_EQ(result.generated.size(), 1u);
  EXPECT_EQ(result.text.substr(result.generated[0].begin, result.generated[0].end - result.generated[0].begin), "yoé");
  EXPECT_FALSE(ChatTemplate("{{ 'generation' }}").marks_generation());
}

TEST(ChatTemplate, SpansInCapturedTextAreRefusedAndTheTextIsNot) {
  const ChatTemplate chat("{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x }}");
  EXPECT_EQ(chat.render(kConversation), "a");
  EXPECT_THROW(
      {
        try {
          chat.render_with_spans(kConversation);
        } catch (const ConfigError& error) {
          EXPECT_THAT(error.what(), HasSubstr("stands in a macro or a captured text"));
          throw;
        }
      },
      ConfigError);
}

TEST(ChatTemplate, HashFollowsSourceAndSpecialTokens) {
  const std::string hash = ChatTemplate("a").hash();
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(hash, ChatTemplate("a", {}, "another name").hash());
  EXPECT_NE(hash, ChatTemplate("b").hash());
  EXPECT_NE(hash, ChatTemplate("a", {.bos = ""}).hash());
}

struct Bad {
  const char* source;
  const char* message;
};

class BadTemplate : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTemplate, IsRefusedWithItsLine) { EXPECT_THAT(failure(GetParam().source), HasSubstr(GetParam().message)); }

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadTemplate,
    ::testing::Values(
        Bad{"a\n{{ 1 | nope }}", "chat template:2: unknown filter 'nope'"},
        Bad{"{{ 1 is nope }}", "unknown test 'nope'"}, Bad{"{{ x | xmlattr }}", "unknown filter 'xmlattr'"},
        Bad{"\n\n{% include 'x' %}", "chat template:3: unknown tag 'include'"},
        Bad{"{% block x %}{% endblock %}", "unknown tag 'block'"},
        Bad{"{% for a in b recursive %}{% endfor %}", "recursive loops"}, Bad{"{% endif %}", "unknown tag 'endif'"},
        Bad{"{% if x %}", "ends before '{% endif %}'"}, Bad{"{{ 1", "'}}' is missing"},
        Bad{"{% if 1", "'%}' is missing"}, Bad{"{# x", "'#}' is missing"},
        Bad{"{% raw %}x", "'{% endraw %}' is missing"}, Bad{"{{ (1] }}", "unexpected ']', expected ')'"},
        Bad{"{{ 1) }}", "unexpected ')'"}, Bad{"{{ 'a }}", "a string does not end"},
        Bad{"{{ a ? b }}", "unexpected character '?'"}, Bad{"{{ }}", "expected an expression, got '}}'"},
        Bad{"{{ 1 2 }}", "expected '}}', got a number"}, Bad{"{{ '\\N{DASH}' }}", "the escape '\\N'"},
        Bad{"{{ '\\ud83d' }}", "no Unicode character"}, Bad{"{{ '\\x4' }}", "truncated escape"},
        Bad{"{{ 99999999999999999999 }}", "more than 64 bits"}, Bad{"{{ 012 }}", "begins with a zero"},
        Bad{"{{ f(*a) }}", "unpacking of arguments"}, Bad{"{{ f(a=1, 2) }}", "follows one with a name"},
        Bad{"{{ f(a=1, a=2) }}", "given twice"}, Bad{"{{ a[1, 2] }}", "several parts"},
        Bad{"{% break %}", "'break' outside of a loop"},
        Bad{"{% for a in b %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}", "'continue' outside of a loop"},
        Bad{"{% set true = 1 %}", "cannot be assigned to"}, Bad{"{% set loop = 1 %}", "assigning to 'loop'"},
        Bad{"{% for %}{% endfor %}", "expected the name of a variable"}, Bad{"{% for a b %}", "expected 'in'"},
        Bad{"{% macro m(a=1, b) %}{% endmacro %}", "without a default follows"},
        Bad{"{% call 1 %}{% endcall %}", "needs the call"},
        Bad{"{% macro m(caller) %}{% endmacro %}", "a parameter named 'caller'"}));

INSTANTIATE_TEST_SUITE_P(
    Running, BadTemplate,
    ::testing::Values(
        Bad{"a\n{{ raise_exception('no system role') }}", "chat template:2: no system role"},
        Bad{"{{ nobody.home }}", "'nobody' is undefined"}, Bad{"{{ messages[0].x.y }}", "has no attribute 'x'"},
        Bad{"{{ nobody() }}", "'nobody' is undefined"}, Bad{"{{ messages() }}", "cannot be called"},
        Bad{"{{ 'a' + 1 }}", "'+' is not defined between 'str' and 'int'"}, Bad{"{{ 1 // 0 }}", "division by zero"},
        Bad{"{{ 1 < 'a' }}", "'<' not supported"}, Bad{"{{ -'a' }}", "'-' is not defined"},
        Bad{"{{ 9223372036854775807 + 1 }}", "64 bits"}, Bad{"{{ '%s' % 1 }}", "formatting a str with '%'"},
        Bad{"{{ 'a'.format(1) }}", "the method 'format' of a str is not supported"},
        Bad{"{{ [1].append(2) }}", "would change a list"},
        Bad{"{{ {}.update(a=1) }}", "'update' of a dict is not allowed"},
        Bad{"{{ ''.__class__ }}", "'__class__' is not allowed"},
        Bad{"{{ (1).real }}", "printing a value of type 'function'"},
        Bad{"{{ range(3) }}", "printing a value of type 'range'"},
        Bad{"{{ {}.keys() }}", "printing a value of type 'dict view'"},
        Bad{"{{ range(200000) }}", "more than 100000 elements"}, Bad{"{{ range(1, 2, 0) }}", "step is zero"},
        Bad{"{{ 'ß' | upper }}", "changing the case of 'ß'"}, Bad{"{{ 'a'|safe + 'b' }}", "marked 'safe'"},
        Bad{"{{ messages | tojson(ident=1) }}", "tojson: unknown argument 'ident'"},
        Bad{"{{ 1 | trim(1, 2) }}", "trim"}, Bad{"{{ nobody | tojson }}", "not JSON serializable"},
        Bad{"{% set a.b = 1 %}", "'a' is undefined"}, Bad{"{% set a = 1 %}{% set a.b = 1 %}", "is no namespace"},
        Bad{"{{ namespace(_a=1) }}", "begins with '_'"}, Bad{"{% set a, b = [1] %}", "cannot unpack 1 values into 2"},
        Bad{"{{ {[1]: 2} }}", "unhashable type: 'list'"},
        Bad{"{% for a in 5 %}{% endfor %}", "'int' cannot be iterated over"}, Bad{"{{ 5 | length }}", "has no length"},
        Bad{"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "m: too many arguments"},
        Bad{"{{ cycler('a') }}", "'cycler' is not supported"},
        Bad{"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested too deep"},
        Bad{"{% set ns = namespace(x=[]) %}{% for i in range(500) %}{% set ns.x = [ns.x] %}{% endfor %}",
            "nested more than 200 deep"},
        Bad{"{% set ns = namespace(x=[1]) %}{% for i in range(50) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
            "parts"},
        Bad{"{% set ns = namespace(x='ab') %}{% for i in range(50) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "the limit is"},
        Bad{"{{ 'abc' * 1000000000 }}", "the limit is"}, Bad{"{{ [1] * 1000000000 }}", "the limit is"},
        Bad{"{{ sum | sum }}{{ 'a' | replace('', 'b' * 60000000) }}", "too long"}));

TEST(ChatTemplate, EndlessWorkIsStopped) {
  RenderOptions options;
  options.limits.max_steps = 100'000;
  try {
    ChatTemplate("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
        .render(kConversation, options);
    FAIL() << "rendered";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("does not end within 100000 steps"));
  }
}

TEST(ChatTemplate, NestingIsBounded) {
  EXPECT_THAT(failure("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}"),
              HasSubstr("nested more than 200 deep"));
  EXPECT_THAT(failure("{{ 1" + std::string(100'000, '+') + "1 }}"), HasSubstr("nested more than 200 deep"));
  std::string sum = "{{ 1", blocks;
  for (int i = 0; i < 5000; ++i) sum += " + 1", blocks += "{% if 1 %}";
  EXPECT_THAT(failure(sum + " }}"), HasSubstr("nested more than 200 deep"));
  EXPECT_THAT(failure(blocks), HasSubstr("nested more than 200 deep"));
}

TEST(ChatTemplate, WrongInputIsRefused) {
  EXPECT_THROW(ChatTemplate("\xff"), ConfigError);
  const ChatTemplate chat("{{ messages }}");
  for (const Json& messages :
       {Json("text"), Json(nullptr), Json::parse("[1]"), Json::parse(R"([{"a": 18446744073709551615}])"),
        Json::array({Json{{"content", "\xff"}}})})
    EXPECT_THROW(chat.render(messages), ConfigError) << messages.type_name();
  Json deep = 1;
  for (int i = 0; i < 300; ++i) deep = Json::array({deep});
  EXPECT_THROW(chat.render(Json::array({Json{{"content", deep}}})), ConfigError);
}

}  // namespace
}  // namespace peftlab::text
