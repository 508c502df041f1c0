// The whole page from runs' folders: what it shows, what it leaves out, and that nothing in the runs becomes markup.
#include "core/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/compare/json_access.h"
#include "tests/compare/runs.h"
#include "tests/page/markup.h"

namespace peftlab::page {
namespace {

using compare::record;
using compare::right_from;
using compare::write;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr size_t kItems = 40;
const char* const kAttack = "</td></table></svg><script>alert(1)</script><img src=x onerror=alert(2)>\" onload=\"x";

std::string metrics(double loss) {
  std::string lines;
  for (int step = 1; step <= 30; ++step) {
    lines += io::Json{{"step", step}, {"loss_task", loss / step}, {"num_useful_tokens", 100}, {"seconds", 0.5}}.dump() +
             "\n";
  }
  return lines;
}

io::Json free_answers(const std::string& text) {
  return io::Json::array({{{"prompt", "What is 2 + 2?"}, {"text", text}}});
}

/// A run with everything that the page shows.
void write_run(const std::filesystem::path& folder, const std::string& name, int64_t seed, size_t right,
               double loss = 0.8) {
  const auto scores = right_from(kItems, static_cast<size_t>(seed), right);
  auto json = record(name, seed, static_cast<double>(right) / kItems, kItems);
  json["about"] = "does " + name + " learn roads?";
  json["experiment"]["train"]["learning_rate"] = 0.001 * loss;
  auto& results = json["results"];
  results["base"] = {{"test", {{"accuracy", 0.0}, {"num_items", kItems}, {"seconds", 9.0}}},
                     {"free_answers", free_answers("five")}};
  results["tuned"]["test"]["seconds"] = 4.0;
  results["tuned"]["free_answers"] = free_answers("four, says " + name);
  results["reports"] =
      io::Json::parse(R"([{"method": "m", "series": [{"title": "budget", "values": [3, 2, 1]}], "tables": [
    {"title": "rank of each matrix", "columns": ["matrix", "rank"],
     "rows": [["model.layers.0.q_proj", 4], ["model.layers.1.q_proj", 7]]},
    {"title": "thresholds", "columns": ["what", "value"], "rows": [["low", 0.25]]}]}])");
  write(folder / "run.json", json.dump());
  write(folder / "predictions.jsonl", compare::predictions(scores));
  write(folder / "metrics.jsonl", metrics(loss));
  write(folder / "updates.json", R"({"matrices": [
    {"matrix": "model.layers.0.q_proj", "shape": [4, 4], "weight_norm": 10.0, "update_norm": 5.0, "singular_values": [4.0, 3.0]},
    {"matrix": "model.layers.1.q_proj", "shape": [4, 4], "weight_norm": 10.0, "update_norm": 2.0, "singular_values": [2.0]}]})");
}

class Page : public testing::Test {
 protected:
  std::string made(const compare::ComparisonOptions& options = {}) const {
    return document(gather({scratch_.folder()}, options), "peftlab test");
  }
  std::filesystem::path run(const std::string& name, int64_t seed) const {
    return scratch_ / name / std::to_string(seed);
  }
  void three_seeds(const std::string& name, size_t right, double loss = 0.8) const {
    for (int64_t seed = 0; seed < 3; ++seed) write_run(run(name, seed), name, seed, right, loss);
  }

  const test::Scratch scratch_;
};

/// Where a section begins and the next one does.
std::string section(const std::string& page, const std::string& id) {
  const size_t begin = page.find("<section id=\"" + id + "\"");
  if (begin == std::string::npos) return "";
  return page.substr(begin, page.find("</section>", begin) - begin);
}

TEST_F(Page, HasEverySectionOnceAndLeadsToIt) {
  three_seeds("alpha", 38);
  three_seeds("beta", 12, 1.5);
  const auto page = made();
  const auto counts = elements_of(page);
  EXPECT_EQ(counts.at("h1"), 1);
  EXPECT_EQ(counts.at("main"), 1);
  EXPECT_EQ(counts.at("nav"), 1);
  for (const char* id : {"table", "intervals", "pareto", "curves", "phases", "methods", "updates", "wrong", "free",
                         "settings", "provenance"}) {
    EXPECT_THAT(section(page, id), Not(HasSubstr("<section id=\"\""))) << id;
    EXPECT_NE(section(page, id), "") << id;
    EXPECT_THAT(page, HasSubstr(std::string("href=\"#") + id + "\""));
  }
  EXPECT_THAT(page, HasSubstr("<html lang=\"en\">"));
  EXPECT_THAT(page, HasSubstr("default-src &#39;none&#39;"));
  EXPECT_THAT(page, HasSubstr("roads.json with tiny"));
  EXPECT_THAT(page, HasSubstr("2 rows from 6 runs"));
  EXPECT_THAT(page, HasSubstr("Made by peftlab test"));
  EXPECT_EQ(page, made());
}

TEST_F(Page, TheTableIsThatOfTheComparison) {
  three_seeds("alpha", 38);
  three_seeds("beta", 12);
  const auto table = section(made({"beta", ""}), "table");
  EXPECT_THAT(table, HasSubstr("<strong>95.00</strong>"));  // better beyond chance
  EXPECT_THAT(table, HasSubstr("+65.00 *"));
  EXPECT_THAT(table, HasSubstr("differs from beta beyond chance"));
  write_run(run("gamma", 0), "gamma", 0, 38);
  EXPECT_THAT(section(made(), "table"), Not(HasSubstr("<strong>")));  // now there is a tie
}

TEST_F(Page, ShowsWhatMethodsReportAsMapsTablesAndSeries) {
  three_seeds("alpha", 38);
  const auto methods = section(made(), "methods");
  EXPECT_THAT(methods, HasSubstr("alpha, seed 0"));
  EXPECT_THAT(methods, HasSubstr("<title>layer 1, q_proj: 7</title>"));
  EXPECT_THAT(methods, HasSubstr("thresholds"));
  EXPECT_THAT(methods, HasSubstr("budget"));
  EXPECT_THAT(methods, HasSubstr("3 values, the last 1."));
}

TEST_F(Page, ShowsHowMuchEnergyTheLeadingDirectionsHold) {
  three_seeds("alpha", 38);
  const auto updates = section(made(), "updates");
  EXPECT_THAT(updates, HasSubstr("directions for 90 % of the energy"));
  EXPECT_THAT(updates, HasSubstr("<td class=\"number\">2</td><td class=\"number\">50</td><td class=\"number\">4</td>"
                                 "<td class=\"number\">2</td>"));
  EXPECT_THAT(updates, HasSubstr("layer 1, q_proj: 20"));  // 2 of 10
}

TEST_F(Page, WrongOutputsStandSideBySideThoseFirstThatTheRowsPartOn) {
  three_seeds("alpha", 38);
  three_seeds("beta", 12);
  const auto wrong = section(made(), "wrong");
  EXPECT_THAT(wrong, HasSubstr("28 items were answered wrongly by a row; 20 are shown"));
  EXPECT_THAT(wrong, HasSubstr("alpha, seed 0</th><th scope=\"col\">beta, seed 0"));
  // Item 12 is right for one row alone, items 38 and 39 for none.
  EXPECT_LT(wrong.find("<th scope=\"row\">12</th>"), wrong.find("<th scope=\"row\">31</th>"));
  EXPECT_THAT(wrong, Not(HasSubstr("<th scope=\"row\">38</th>")));
  EXPECT_THAT(wrong, HasSubstr("long right"));
  EXPECT_THAT(wrong, HasSubstr("r &quot;12"));
}

TEST_F(Page, TheMoreEvenlyRowsPartTheEarlierAnItemStands) {
  for (const auto& [name, right] : {std::pair("a", 30u), {"b", 30u}, {"c", 20u}, {"d", 10u}}) {
    write_run(run(name, 0), name, 0, right);
  }
  const auto wrong = section(made(), "wrong");
  // Items 10 to 19 are right for three of four rows, 20 to 29 for two.
  EXPECT_LT(wrong.find("<th scope=\"row\">29</th>"), wrong.find("<th scope=\"row\">10</th>"));
  EXPECT_NE(wrong.find("<th scope=\"row\">10</th>"), std::string::npos);
}

TEST_F(Page, AnswersBeforeAndAfterSettingsAndProvenanceAreThere) {
  three_seeds("alpha", 38);
  three_seeds("beta", 12, 1.5);
  const auto page = made();
  EXPECT_THAT(section(page, "free"), HasSubstr("five"));
  EXPECT_THAT(section(page, "free"), HasSubstr("four, says beta"));
  EXPECT_THAT(section(page, "settings"), HasSubstr("train.learning_rate"));
  EXPECT_THAT(section(page, "settings"), HasSubstr("0.0015"));
  EXPECT_THAT(section(page, "settings"), Not(HasSubstr("max_new_tokens")));
  EXPECT_THAT(section(page, "provenance"), HasSubstr("all 6"));
  EXPECT_THAT(section(page, "provenance"), HasSubstr("hashes.data"));
  EXPECT_THAT(section(page, "phases"), HasSubstr("alpha, training: 50"));
  EXPECT_THAT(section(page, "curves"), HasSubstr("At the end: alpha"));
}

TEST_F(Page, NothingInARunBecomesMarkup) {
  write_run(run("plain", 0), "plain", 0, 30);
  write_run(run("evil", 0), kAttack, 0, 20);
  auto json = io::Json::parse(test::bytes_of(run("evil", 0) / "run.json"));
  for (const char* key : {"about", "peftlab", "commit", "started"}) json[key] = kAttack;
  json["model"]["name"] = kAttack;
  json["machine"]["processor"] = kAttack;
  json["experiment"]["train"][kAttack] = kAttack;
  json["experiment"]["task"] = kAttack;
  json["hashes"][kAttack] = kAttack;
  json["methods"][0] = {{"name", kAttack}, {"paper", kAttack}, {"library_sha256", kAttack}};
  json["results"]["tuned"]["free_answers"] = {{{"prompt", kAttack}, {"text", kAttack}}};
  json["results"]["base"]["free_answers"] = json["results"]["tuned"]["free_answers"];
  json["results"]["forgetting"]["texts"][0]["kind"] = kAttack;
  json["results"]["reports"] = {
      {{"method", kAttack},
       {"series", {{{"title", kAttack}, {"values", {1, 2}}}}},
       {"tables",
        {{{"title", kAttack}, {"columns", {kAttack, kAttack}}, {"rows", {{kAttack, kAttack}}}},
         {{"title", kAttack}, {"columns", {"m", "r"}}, {"rows", {{std::string("layers.0.") + kAttack, 1}}}}}}}};
  write(run("evil", 0) / "run.json", json.dump());
  write(run("evil", 0) / "updates.json", io::Json{{"matrices",
                                                   {{{"matrix", std::string("l.0.") + kAttack},
                                                     {"weight_norm", 1.0},
                                                     {"update_norm", 1.0},
                                                     {"singular_values", {1.0}}}}}}
                                             .dump());
  std::string lines;
  for (size_t i = 0; i < kItems; ++i) {
    lines += io::Json{{"split", "test"},
                      {"item", i},
                      {"row", 7 * i},
                      {"reference", kAttack},
                      {"text", kAttack},
                      {"base_text", kAttack},
                      {"score", i < 20 ? 1.0 : 0.0}}
                 .dump() +
             "\n";
  }
  write(run("evil", 0) / "predictions.jsonl", lines);
  const auto page = made();
  const auto counts = elements_of(page);  // no script, no image, all balanced, no handler
  EXPECT_EQ(counts.at("style"), 1);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST_F(Page, RunsThatAreNotAlikeStandApart) {
  write_run(run("alpha", 0), "alpha", 0, 30);
  write_run(run("beta", 0), "beta", 0, 30);
  auto json = io::Json::parse(test::bytes_of(run("beta", 0) / "run.json"));
  json["hashes"]["data"] = "d2";
  write(run("beta", 0) / "run.json", json.dump());
  const auto page = made({"beta", ""});  // a row of one group alone
  elements_of(page);
  EXPECT_THAT(page, HasSubstr("stand in 2 tables and not in one"));
  EXPECT_THAT(page, HasSubstr("data: d1 (alpha), d2 (beta)"));
  EXPECT_THAT(page, HasSubstr("Group 2 of 2"));
  EXPECT_NE(section(page, "group1-table"), "");
  EXPECT_NE(section(page, "group2-table"), "");
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                made({"delta", ""});
              }),
              HasSubstr("--baseline delta: no row of the table has this name"));
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                made({"", "dev"});
              }),
              HasSubstr("--split dev: no run was evaluated on it"));
}

TEST_F(Page, WhatIsMissingOrBrokenLeavesTheRest) {
  write_run(run("alpha", 0), "alpha", 0, 30);
  write_run(run("bare", 0), "bare", 0, 20);
  for (const char* file : {"predictions.jsonl", "metrics.jsonl", "updates.json"})
    std::filesystem::remove(run("bare", 0) / file);
  write_run(run("odd", 0), "odd", 0, 20);
  write(run("odd", 0) / "updates.json",
        R"({"matrices": [1, {"matrix": 3, "singular_values": "x"}, {"update_norm": 1, "singular_values": [null]}]})");
  write(run("odd", 0) / "metrics.jsonl",
        "[1]\nnonsense\n{\"step\": 1, \"loss_task\": null, \"num_useful_tokens\": 5}\n");
  write(run("odd", 0) / "predictions.jsonl",
        "{\"split\": \"test\", \"item\": 0, \"score\": 1, \"text\": 7}\nnonsense\n");
  write(run("broken", 0) / "run.json", "{\"name\": ");
  auto failed = record("failed", 0, 0.0, kItems);
  failed["status"] = "failed";
  failed["reason"] = "out of memory";
  write(run("failed", 0) / "run.json", failed.dump());
  const auto page = made();
  elements_of(page);
  EXPECT_THAT(section(page, "table"), HasSubstr("failed has no result: seed 0: failed: out of memory"));
  EXPECT_THAT(section(page, "table"), HasSubstr("cannot be read"));
  EXPECT_THAT(section(page, "wrong"), HasSubstr("2 of 3 rows are shown"));
  EXPECT_THAT(page, Not(HasSubstr("=\"nan")));
}

TEST_F(Page, RunsThatAllFailedMakeAPageThatSaysWhy) {
  auto failed = record("failed", 0, 0.0, kItems);
  failed["status"] = "failed";
  failed["reason"] = "out of memory";
  failed.erase("results");
  write(run("failed", 0) / "run.json", failed.dump());
  const auto page = made();
  elements_of(page);
  EXPECT_THAT(page, HasSubstr("out of memory"));
  EXPECT_EQ(section(page, "pareto"), "");
  EXPECT_EQ(section(page, "curves"), "");
}

TEST_F(Page, StaysModerateForManyRuns) {
  for (int i = 0; i < 60; ++i)
    write_run(run("m" + std::to_string(i), 0), "method_" + std::to_string(i), 0, 20 + static_cast<size_t>(i) % 15);
  const auto page = made();
  EXPECT_LT(page.size(), 3u << 20);
  EXPECT_THAT(section(page, "wrong"), HasSubstr("30 of 60 rows are shown"));
  EXPECT_THAT(section(page, "free"), HasSubstr("Left out: 44 more rows."));
  EXPECT_THAT(section(page, "curves"), HasSubstr("rows 57 to 60"));
}

TEST_F(Page, NoRunsAreAMistake) {
  EXPECT_THAT(test::message_of<ConfigError>([&] { made(); }), HasSubstr("no runs found"));
}

TEST(Material, RowsKnowTheirRunsBySeed) {
  const test::Scratch scratch;
  for (const int64_t seed : {2, 0, 1}) write_run(scratch / ("s" + std::to_string(9 - seed)), "alpha", seed, 30);
  auto failed = record("alpha", 3, 0.0, kItems);
  failed["status"] = "failed";
  failed["experiment"]["train"]["learning_rate"] = 0.001 * 0.8;
  write(scratch / "a" / "run.json", failed.dump());
  const auto material = gather({scratch.folder()}, {});
  ASSERT_THAT(material.groups, SizeIs(1));
  const auto& group = material.groups[0];
  ASSERT_THAT(group.rows, SizeIs(2));  // and the model as it was
  EXPECT_EQ(group.rows[0].row->label, "alpha");
  std::vector<int64_t> seeds;
  for (const auto* one : group.rows[0].runs) seeds.push_back(*one->seed);
  EXPECT_THAT(seeds, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(group.rows[0].curves, SizeIs(3));
  EXPECT_EQ(group.rows[0].shown_label(), "alpha, seed 0");
  EXPECT_EQ(group.rows[0].folder(), scratch / "s9");
  EXPECT_EQ(compare::text_at(group.rows[0].records[3], "status"), "failed");
}

}  // namespace
}  // namespace peftlab::page
