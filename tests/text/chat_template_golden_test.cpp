// Rendered text against what Python's jinja2 and transformers give, and templates broken at random.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "core/text/chat_template.h"
#include "peftlab/error.h"

namespace peftlab::text {
namespace {

namespace fs = std::filesystem;
const fs::path kTests = fs::path(PEFTLAB_SOURCE_DIR) / "tests";

struct Outcome {
  std::string text, error;
};

Outcome outcome(const std::string& source, const Json& variables) {
  RenderOptions options;
  for (const auto& [name, value] : variables.items()) options.variables[name] = value;
  try {
    return {ChatTemplate(source).render(variables.at("messages"), options), ""};
  } catch (const ConfigError& error) {
    return {"", error.what()};
  }
}

/// What is refused on purpose though Python renders it: it says so.
bool is_refusal(const std::string& error) {
  for (const char* words : {"not supported", "more than 64 bits", "marked 'safe'", "unknown"})
    if (error.find(words) != std::string::npos) return true;
  return false;
}

struct Tally {
  int equal = 0, both_fail = 0, refused = 0;
};

/// One line of variables, then one case a line. Never may a text differ, nor may one be made where Python makes none.
Tally check(std::istream& in) {
  std::string line;
  Tally tally;
  if (!std::getline(in, line)) return tally;
  const Json variables = Json::parse(line);
  while (std::getline(in, line)) {
    const Json row = Json::parse(line);
    const std::string source = row["template"].get<std::string>();
    if (row.contains("expected") && row["expected"].get<std::string>().find(" at 0x") != std::string::npos) continue;
    const Outcome got = outcome(source, variables);
    if (!row.contains("expected")) {
      EXPECT_NE(got.error, "") << source << "\nrendered: " << got.text << "\njinja2: " << row["error"];
      ++tally.both_fail;
    } else if (got.error.empty()) {
      EXPECT_EQ(got.text, row["expected"].get<std::string>()) << source;
      ++tally.equal;
    } else {
      EXPECT_TRUE(is_refusal(got.error)) << source << "\n" << got.error << "\njinja2: " << row["expected"];
      ++tally.refused;
    }
  }
  return tally;
}

TEST(ChatTemplateGolden, GeneratedTemplatesRenderAsWithJinja2) {
  std::ifstream in(kTests / "golden/templates/generated.jsonl");
  const Tally tally = check(in);
  EXPECT_GE(tally.equal, 200);
  EXPECT_GE(tally.both_fail, 50);
  EXPECT_LE(tally.refused, 40);
}

TEST(ChatTemplateGolden, OwnTemplatesRenderAsWithJinja2) {
  std::ifstream in(kTests / "golden/templates/own.json");
  const Json all = Json::parse(in);
  int checked = 0;
  for (const auto& [name, row] : all["cases"].items()) {
    const Outcome got = outcome(row["template"].get<std::string>(), all["variables"]);
    EXPECT_EQ(got.text, row.value("expected", "")) << name << got.error;
    EXPECT_EQ(got.error.empty(), row.contains("expected")) << name << got.error;
    ++checked;
  }
  EXPECT_GE(checked, 6);
}

/// A Python with jinja2, or "".
std::string python_with_jinja2() {
  std::vector<std::string> candidates = {"python3"};
  if (const char* peer = std::getenv("PEFTLAB_PEER_PYTHON")) candidates.insert(candidates.begin(), peer);
  for (const std::string& python : candidates)
    if (std::system(("'" + python + "' -c 'import jinja2' >/dev/null 2>&1").c_str()) == 0) return python;
  return "";
}

TEST(ChatTemplateGolden, FreshTemplatesRenderAsWithTheJinja2Installed) {
  const std::string python = python_with_jinja2();
  if (python.empty()) GTEST_SKIP() << "no python3 with jinja2 (PEFTLAB_PEER_PYTHON names another one)";
  const std::string command =
      "'" + python + "' '" + (kTests / "golden/make_templates.py").string() + "' --count 2000 --seed 20250101";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::stringstream out;
  char buffer[65536];
  for (size_t size; (size = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.write(buffer, static_cast<std::streamsize>(size));
  ASSERT_EQ(pclose(pipe), 0) << command;
  const Tally tally = check(out);
  EXPECT_GE(tally.equal, 1000);
}

TEST(ChatTemplateGolden, PublishedTemplatesRenderAsWithTransformers) {
  const fs::path folder = fs::path(PEFTLAB_SOURCE_DIR) / "../shared/golden/templates";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "no ../shared/golden/templates beside the checkout";
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    const Json all = Json::parse(in);
    if (!all.contains("chat_template")) continue;
    SpecialTokens tokens;
    for (const auto& [name, token] : all["special_tokens"].items()) tokens.others[name] = token;
    const ChatTemplate chat(all["chat_template"].get<std::string>(), tokens);
    for (const auto& row : all["cases"]) {
      RenderOptions options;
      options.add_generation_prompt = row["add_generation_prompt"].get<bool>();
      if (row.contains("tools")) options.tools = row["tools"];
      if (row.contains("kwargs"))
        for (const auto& [name, value] : row["kwargs"].items()) options.variables[name] = value;
      if (row.contains("error"))
        EXPECT_THROW(chat.render(row["messages"], options), ConfigError) << entry.path() << row["name"];
      else
        EXPECT_EQ(chat.render(row["messages"], options), row["expected"].get<std::string>())
            << entry.path() << row["name"];
      ++checked;
    }
  }
  EXPECT_GE(checked, 100);
}

TEST(ChatTemplateGolden, MutantsRenderOrAreRefused) {
  std::ifstream in(kTests / "golden/templates/own.json");
  const Json all = Json::parse(in);
  std::vector<std::string> seeds;
  for (const auto& item : all["cases"].items()) seeds.push_back(item.value()["template"].get<std::string>());
  const std::vector<std::string> pieces = {"{{",       "}}",
                                           "{%",       "%}",
                                           "{#",       "-%}",
                                           "'",        "(",
                                           ")",        "[",
                                           "::-1]",    "|",
                                           "is",       "not",
                                           "~",        "**",
                                           "loop",     "range(99999)",
                                           "messages", "ns",
                                           "99999999", "\\",
                                           "\xff",     "路",
                                           "\n",       "{% for a in messages %}"};
  std::mt19937 random(1);
  const auto below = [&](size_t limit) { return limit ? random() % limit : 0; };
  RenderOptions options;
  options.limits = {.max_steps = 200'000, .max_output_bytes = 1 << 20};
  int rendered = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string source = seeds[below(seeds.size())];
    for (size_t edits = 1 + below(4); edits > 0; --edits) {
      const size_t at = below(source.size() + 1), size = std::min(below(8), source.size() - at);
      switch (below(4)) {
        case 0:
          source.erase(at, size);
          break;
        case 1:
          source.insert(at, pieces[below(pieces.size())]);
          break;
        case 2:
          source.insert(at, source.substr(below(source.size() + 1), below(40)));
          break;
        default:
          if (at < source.size()) source[at] = static_cast<char>(random());
      }
    }
    try {
      ChatTemplate(source).render(all["variables"]["messages"], options);
      ++rendered;
    } catch (const ConfigError&) {
      ++refused;
    }
  }
  EXPECT_GT(rendered, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace peftlab::text
