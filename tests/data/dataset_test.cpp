#include "core/data/dataset.h"

#include <set>

#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The shipped task on the small dirty file, with fewer records asked for.
Task dirty_task(uint64_t seed = 0) {
  Task task = load_task(shipped_task("roads_csv.json"), golden("dirty_roads.csv"));
  task.split.seed = seed;
  task.split.sizes = {{"train", 3}, {"dev", 2}, {"test", 5}};
  return task;
}

/// A task on a file of the folder, by default prompt and completion by JSON lines.
Task task_on(const std::filesystem::path& file, SourceKind kind, ConversationKind conversation) {
  Task task;
  task.path = "task.json";
  task.source.kind = kind;
  task.source.file = file;
  task.conversation.kind = conversation;
  task.split.sizes = {{"train", 1}};
  return task;
}

std::set<std::string> answers(const Dataset& dataset) {
  std::set<std::string> all;
  for (const auto& split : dataset.splits) {
    for (const auto& conversation : split.conversations) all.insert(conversation.reference());
  }
  return all;
}

TEST(Dataset, CleansTheDirtyRoads) {
  const Dataset dataset = prepare(dirty_task());
  EXPECT_EQ(dataset.num_read, 21);
  EXPECT_EQ(dataset.num_clean, 12);
  EXPECT_EQ(dataset.num_unique, 10);
  EXPECT_EQ(dataset.duplicates.count, 2);
  EXPECT_EQ(dataset.leaks.count, 0);
  EXPECT_THAT(dataset.descriptions, ElementsAre("line 1: 全國路名資料,,"));
  EXPECT_THAT(answers(dataset), ::testing::IsSupersetOf({
                                    R"({"city": "花蓮縣", "town": "豐濱鄉", "road": "新興"})",
                                    R"({"city": "臺中市", "town": "北區", "road": "國𧯽街"})",
                                    R"({"city": "臺東縣", "town": "達仁鄉", "road": "安朔,\"新\"路"})",
                                    R"({"city": "嘉義市", "town": "東區", "road": "民權路"})",
                                }));
  EXPECT_EQ(answers(dataset).size(), 10u);
}

TEST(Dataset, SaysWhyEachRecordWasDropped) {
  const Dataset dataset = prepare(dirty_task());
  std::map<std::string, int64_t> counts;
  for (const auto& [reason, drop] : dataset.drops) counts[reason] = drop.count;
  const std::map<std::string, int64_t> expected = {{"character U+FB56F (Co)", 1}, {"character U+E000 (Co)", 1},
                                                   {"character U+FFFD (So)", 1},  {"character U+003F (Po)", 1},
                                                   {"character U+0007 (Cc)", 1},  {"empty field 'road'", 1},
                                                   {"empty field 'town'", 1},     {"field 'town': does not begin with {city}", 2}};
  EXPECT_EQ(counts, expected);
  EXPECT_THAT(dataset.drops.at("empty field 'road'").examples.at(0), HasSubstr("line 14: {\"city\": \"新竹縣\""));
}

TEST(Dataset, AnExceptionKeepsACharacter) {
  Task task = dirty_task();
  task.clean.drop_records_with.except.insert(0xFB56F);
  const Dataset dataset = prepare(task, {.full_account = true});
  EXPECT_EQ(dataset.num_unique, 11);
  EXPECT_EQ(dataset.drops.count("character U+FB56F (Co)"), 0u);
}

TEST(Dataset, CountsEveryCharacterBeforeAndAfter) {
  const Dataset dataset = prepare(dirty_task(), {.full_account = true});
  std::map<char32_t, std::pair<int64_t, int64_t>> counts;
  for (const auto& count : dataset.characters) counts[count.character] = {count.in_source, count.in_records};
  EXPECT_EQ(counts.at(0x3000), (std::pair<int64_t, int64_t>{2, 0}));
  EXPECT_EQ(counts.at(0xE000), (std::pair<int64_t, int64_t>{1, 0}));
  // 國 in 國𧯽街 and in the description row's 全國路名; the full name, a derived field, does not count it again.
  EXPECT_EQ(counts.at(U'國'), (std::pair<int64_t, int64_t>{2, 1}));
}

TEST(Dataset, TheFullAccountDoesNotChangeTheSplits) {
  Task task = dirty_task();
  task.split.sizes = {{"train", 2}, {"test", 2}};
  EXPECT_EQ(prepare(task).hash, prepare(task, {.full_account = true}).hash);
}

TEST(Dataset, SeedDecidesTheOrderAndNothingElseDoes) {
  EXPECT_EQ(prepare(dirty_task(1)).hash, prepare(dirty_task(1)).hash);
  EXPECT_NE(prepare(dirty_task(1)).hash, prepare(dirty_task(2)).hash);
  EXPECT_EQ(answers(prepare(dirty_task(1))), answers(prepare(dirty_task(2))));
}

// Written down once: an order that moves makes old results incomparable, on this machine or another.
TEST(Dataset, TheOrderOfSeedZeroStays) {
  std::vector<int64_t> rows;
  const Dataset dataset = prepare(dirty_task());
  for (const auto& split : dataset.splits) {
    for (const auto& conversation : split.conversations) rows.push_back(conversation.row);
  }
  EXPECT_THAT(rows, ElementsAre(22, 4, 9, 17, 23, 20, 5, 7, 21, 18));
}

TEST(Dataset, TooFewRecordsAreExplained) {
  Task task = dirty_task();
  task.split.sizes = {{"train", 8}, {"test", 5}};
  const auto message = message_of([&] { prepare(task); });
  EXPECT_THAT(message, HasSubstr("/split: too few records: 'train' has 8 of 8, 'test' has 2 of 5; of 21 records in"));
  EXPECT_THAT(message, HasSubstr("10 are left after cleaning and de-duplication"));
  EXPECT_THAT(message, HasSubstr("dropped: duplicate (2), field 'town': does not begin with {city} (2)"));
}

TEST(Dataset, AnUnknownSplitNamesTheOnesThereAre) {
  EXPECT_THAT(message_of([] { prepare(dirty_task()).split("valid"); }),
              HasSubstr("the task has no split 'valid'; it has 'train', 'dev', 'test'"));
}

TEST(Dataset, EqualInputsNeverStandInTwoSplits) {
  TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    lines += Json{{"prompt", "question " + std::to_string(i % 20)}, {"completion", "answer " + std::to_string(i)}}.dump() + "\n";
  }
  Task task = task_on(folder.write("rows.jsonl", lines), SourceKind::jsonl, ConversationKind::prompt_completion);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    task.split.seed = seed;
    task.split.sizes = {{"train", 12}, {"test", 12}};
    const Dataset dataset = prepare(task, {.full_account = true});
    std::set<std::string> trained;
    for (const auto& conversation : dataset.split("train")) trained.insert(conversation.input().dump());
    for (const auto& conversation : dataset.split("test")) EXPECT_EQ(trained.count(conversation.input().dump()), 0u);
    EXPECT_EQ(dataset.split("train").size(), 12u);
    EXPECT_EQ(dataset.split("test").size(), 12u);
    EXPECT_GT(dataset.leaks.count, 0);
  }
}

TEST(Dataset, RatiosDivideWhatIsLeft) {
  Task task = dirty_task();
  task.split.sizes.clear();
  task.split.ratios = {{"train", 0.65}, {"dev", 0.1}, {"test", 0.25}};
  const Dataset dataset = prepare(task);
  EXPECT_EQ(dataset.split("train").size(), 7u);
  EXPECT_EQ(dataset.split("dev").size(), 1u);
  EXPECT_EQ(dataset.split("test").size(), 2u);
}

TEST(Dataset, ARatioTooSmallForARecordIsAnEmptySplit) {
  Task task = dirty_task();
  task.split.sizes.clear();
  task.split.ratios = {{"train", 0.9}, {"test", 0.01}};
  EXPECT_THAT(message_of([&] { prepare(task); }), HasSubstr("'test' has 0 of 0"));
}

TEST(Dataset, ExportsWhatItReadsBackEqual) {
  TemporaryFolder folder;
  const Dataset dataset = prepare(dirty_task());
  export_splits(dataset, folder.path() / "deep/out");
  Task again = task_on(folder.path() / "deep/out/test.jsonl", SourceKind::jsonl, ConversationKind::messages);
  again.split.sizes = {{"test", 5}};
  std::set<std::string> before, after;
  for (const auto& conversation : dataset.split("test")) before.insert(conversation.messages.dump());
  const Dataset reread = prepare(again);
  for (const auto& conversation : reread.split("test")) after.insert(conversation.messages.dump());
  EXPECT_EQ(before, after);
  EXPECT_THAT(to_jsonl(dataset.split("train")), ::testing::StartsWith("{\"messages\": [{\"role\": \"user\", \"content\": \"請將"));
}

TEST(Dataset, ExportIntoWhatIsNoFolderFails) {
  TemporaryFolder folder;
  const auto file = folder.write("file", "x");
  EXPECT_THAT(message_of<RunError>([&] { export_splits(prepare(dirty_task()), file / "out"); }), HasSubstr("can not be made"));
}

struct BadSource {
  SourceKind kind;
  const char *bytes, *message;
};

class BadSources : public ::testing::TestWithParam<BadSource> {};

TEST_P(BadSources, AreRefusedWithThePlace) {
  TemporaryFolder folder;
  Task task = task_on(folder.write("rows", GetParam().bytes), GetParam().kind, ConversationKind::prompt_completion);
  if (task.source.kind == SourceKind::json) task.source.records = "/data";
  if (task.source.kind == SourceKind::csv) task.source.columns = {{"prompt", "p"}, {"completion", "c"}};
  EXPECT_THAT(message_of([&] { prepare(task); }), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Dataset, BadSources,
    ::testing::Values(BadSource{SourceKind::csv, "p,d\n1,2\n", "no column 'c'; the header has 'p', 'd'"},
                      BadSource{SourceKind::csv, "p,c\n", "rows: no record in it"},
                      BadSource{SourceKind::json, "{\"rows\": []}", "nothing at '/data'"},
                      BadSource{SourceKind::json, "{\"data\": 3}", "rows:1:2: /data: expected a list of records, got number"},
                      BadSource{SourceKind::json, "{\"data\": [\n{}, 7]}", "rows:2:5: /data/1: expected an object, got number"},
                      BadSource{SourceKind::jsonl, "{}\n{\"a\": }\n", "rows:2:7: "},
                      BadSource{SourceKind::jsonl, "{}\n\n[1]\n", "rows:3:1: expected an object, got array"},
                      BadSource{SourceKind::jsonl, "{}\n{\"a\": \"\xFF\"}\n", "rows:2:"},
                      BadSource{SourceKind::jsonl, "{\"prompt\": \"a\"}\n", "dropped: no field 'completion' (1)"}));

}  // namespace
}  // namespace peftlab::data
