#include "core/data/cache.h"

#include <set>

#include "core/io/sha256.h"
#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::HasSubstr;

class Cache : public ::testing::Test {
 protected:
  Cache() {
    dataset_.splits = {{"train", {talk({{"user", "a"}, {"assistant", "b"}}), talk({{"user", "c"}, {"assistant", "路"}}, 2)}}};
    dataset_.hash = "data";
    dataset_.source_sha256 = "source";
    task_.hash = "task";
  }
  CachedExamples get() { return cached_examples(folder_.path(), task_, dataset_, "train", format_, options_); }

  TemporaryFolder folder_;
  ToyFormat format_;
  Task task_;
  Dataset dataset_;
  ExampleOptions options_;
};

TEST_F(Cache, HitsGiveTheSameExamples) {
  const auto made = get();
  const auto read = get();
  EXPECT_FALSE(made.hit);
  EXPECT_TRUE(read.hit);
  EXPECT_THAT(made.about, HasSubstr("miss: made and kept as "));
  EXPECT_THAT(read.about, HasSubstr("hit: "));
  EXPECT_EQ(pack_examples(made.set, "k"), pack_examples(read.set, "k"));
  EXPECT_EQ(read.set.examples[1].ids, made.set.examples[1].ids);
  EXPECT_EQ(read.set.examples[1].reference, "路");
  EXPECT_EQ(read.set.end_of_turn, made.set.end_of_turn);
}

TEST_F(Cache, EveryInputChangesTheKey) {
  std::set<std::string> keys;
  const auto add = [&] { keys.insert(cache_key(task_, dataset_, "train", format_, options_)); };
  add();
  keys.insert(cache_key(task_, dataset_, "dev", format_, options_));
  task_.hash += "x", add();
  dataset_.hash += "x", add();
  dataset_.source_sha256 += "x", add();
  format_.before = "<bos>", add();
  options_.max_length = 512, add();
  options_.train_on = TrainOn::all, add();
  EXPECT_EQ(keys.size(), 8u);
}

TEST_F(Cache, DamageAnywhereIsNoticedAndRepaired) {
  const auto made = get();
  const std::string key = cache_key(task_, dataset_, "train", format_, options_);
  const auto path = folder_.path() / (key + ".examples");
  const std::string good = pack_examples(made.set, key);
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    EXPECT_THROW(unpack_examples(bad, key), ConfigError) << at;
    EXPECT_THROW(unpack_examples(good.substr(0, at), key), ConfigError) << at;
  }
  folder_.write(path.filename(), good + "x");
  const auto again = get();
  EXPECT_FALSE(again.hit);
  EXPECT_THAT(again.about, HasSubstr("was damaged (its bytes were changed) and made anew"));
  EXPECT_TRUE(get().hit);
}

TEST_F(Cache, AFileUnderAnotherKeyIsNotRead) {
  const auto made = get();
  EXPECT_THAT(message_of([&] { unpack_examples(pack_examples(made.set, std::string(64, 'a')), std::string(64, 'b')); }),
              HasSubstr("it was made from other inputs"));
}

TEST_F(Cache, LyingCountsAreRefusedBeforeAnythingIsAllocated) {
  // A right digest over a payload whose first count is absurd.
  ExampleSet set;
  std::string bytes = pack_examples(set, std::string(64, 'a'));
  const size_t head = bytes.size() - 5 * 8;
  std::string payload = bytes.substr(head);
  payload[6] = '\x7F';
  const std::string lying = bytes.substr(0, head - 64) + io::sha256_hex(payload) + payload;
  EXPECT_THAT(message_of([&] { unpack_examples(lying, std::string(64, 'a')); }), HasSubstr("a count is larger than the file"));
}

TEST_F(Cache, AFolderThatCanNotBeWrittenIsNoFailure) {
  const auto file = folder_.write("file", "");
  const auto result = cached_examples(file / "cache", task_, dataset_, "train", format_, options_);
  EXPECT_EQ(result.set.examples.size(), 2u);
  EXPECT_THAT(result.about, HasSubstr("miss: made, but not kept: "));
  EXPECT_EQ(cached_examples("", task_, dataset_, "train", format_, options_).about, "off");
}

}  // namespace
}  // namespace peftlab::data
