#include "core/io/gguf.h"

#include <gmock/gmock.h>

#include <cstring>

#include "mutation.h"
#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::io {
namespace {

using test::bytes_of;
using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kGolden = std::string(PEFTLAB_SOURCE_DIR) + "/tests/golden/gguf/";

TEST(Gguf, ReadsEveryKindOfValue) {
  const GgufFile file(kGolden + "metadata.gguf");
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.integer("m.uint8"), 200);
  EXPECT_EQ(file.integer("m.int8"), -100);
  EXPECT_EQ(file.integer("m.uint16"), 60000);
  EXPECT_EQ(file.integer("m.int16"), -30000);
  EXPECT_EQ(file.integer("m.uint32"), 4000000000);
  EXPECT_EQ(file.integer("m.int32"), -2000000000);
  EXPECT_EQ(file.integer("m.uint64"), int64_t{1} << 60);
  EXPECT_EQ(file.integer("m.int64"), -(int64_t{1} << 60));
  EXPECT_EQ(file.number("m.float32"), 0.25);
  EXPECT_EQ(file.number("m.float64"), 0.1);
  EXPECT_EQ(file.number("m.int8"), -100.0);
  EXPECT_TRUE(file.flag("m.bool"));
  EXPECT_EQ(file.text("m.string"), "臺北市 🙂");
  EXPECT_THAT(file.texts("m.strings"), ElementsAre("a", "", "▁ü"));
  EXPECT_THAT(file.text_views("m.strings"), ElementsAre("a", "", "▁ü"));
  EXPECT_THAT(file.integers("m.ints"), ElementsAre(3, -1, 7));
  EXPECT_THAT(file.numbers("m.floats"), ElementsAre(0.5, -2.0));
  EXPECT_THAT(file.numbers("m.ints"), ElementsAre(3.0, -1.0, 7.0));
  EXPECT_THAT(file.number_lists("m.nested"), ElementsAre(ElementsAre(1.0, 2.0), ElementsAre(3.0, 4.0)));
  EXPECT_EQ(file.keys().front(), "general.architecture");
  EXPECT_EQ(file.kind("m.bools"), GgufKind::kArray);
  EXPECT_EQ(file.element_kind("m.bools"), GgufKind::kBool);
  EXPECT_EQ(file.length("m.bools"), 2u);
}

TEST(Gguf, LookupsNameKeyAndKinds) {
  const GgufFile file(kGolden + "metadata.gguf");
  EXPECT_TRUE(file.has("m.int8"));
  EXPECT_FALSE(file.has("m.int128"));
  EXPECT_EQ(file.integer("m.absent", 7), 7);
  EXPECT_EQ(file.text("m.absent", "x"), "x");
  EXPECT_EQ(file.number("m.absent", 0.5), 0.5);
  EXPECT_TRUE(file.flag("m.absent", true));
  EXPECT_THAT(message_of<ConfigError>([&] { file.integer("m.strin"); }),
              HasSubstr("metadata.gguf: has no metadata 'm.strin'; the nearest is 'm.string'"));
  const auto got = [&](auto lookup) { return message_of<ConfigError>([&] { lookup(); }); };
  EXPECT_THAT(got([&] { file.integer("m.float32"); }),
              HasSubstr("metadata 'm.float32': expected an integer, got float32"));
  EXPECT_THAT(got([&] { file.integer("m.bool", 1); }), HasSubstr("expected an integer, got bool"));
  EXPECT_THAT(got([&] { file.number("m.string"); }), HasSubstr("expected a number, got string"));
  EXPECT_THAT(got([&] { file.flag("m.uint8"); }), HasSubstr("expected a boolean, got uint8"));
  EXPECT_THAT(got([&] { file.text("m.strings"); }), HasSubstr("expected a string, got an array of string"));
  EXPECT_THAT(got([&] { file.texts("m.string"); }), HasSubstr("expected an array of strings, got string"));
  EXPECT_THAT(got([&] { file.texts("m.ints"); }), HasSubstr("expected an array of strings, got an array of int32"));
  EXPECT_THAT(got([&] { file.integers("m.floats"); }),
              HasSubstr("expected an array of integers, got an array of float32"));
  EXPECT_THAT(got([&] { file.numbers("m.bools"); }), HasSubstr("expected an array of numbers, got an array of bool"));
  EXPECT_THAT(got([&] { file.number_lists("m.ints"); }),
              HasSubstr("expected an array of arrays of numbers, got an array of int32"));
  EXPECT_THAT(got([&] { file.element_kind("m.int8"); }), HasSubstr("expected an array, got int8"));
}

TEST(Gguf, TensorsAreRowMajorViews) {
  GgufFile opened(kGolden + "metadata.gguf");
  const GgufFile file(std::move(opened));
  const GgufTensor& t = file.at("t");
  EXPECT_EQ(t.type, GgmlType::kF32);
  EXPECT_THAT(t.shape, ElementsAre(2, 3));
  const float expected[6] = {0, 1, 2, 3, 4, 5};
  ASSERT_EQ(t.bytes, sizeof expected);
  EXPECT_EQ(std::memcmp(t.data, expected, sizeof expected), 0);
  EXPECT_EQ(file.find("u"), nullptr);
  EXPECT_THAT(message_of<ConfigError>([&] { file.at("u"); }), HasSubstr("metadata.gguf: has no tensor 'u'"));
}

TEST(Gguf, CutOffAnywhereItIsRefused) {
  const test::MemoryFile memory;
  const std::string good = bytes_of(kGolden + "metadata.gguf");
  const size_t padding = 8;  // the last tensor takes 24 of the last 32 bytes
  for (size_t size = 0; size < good.size() - padding; ++size) {
    memory.put(good.substr(0, size));
    EXPECT_THROW(GgufFile(memory.path()), ConfigError) << size;
  }
}

uint64_t read_all(const GgufFile& file) {
  uint64_t sum = 0;
  for (const std::string& key : file.keys()) {
    try {
      if (file.kind(key) != GgufKind::kArray) sum += file.kind(key) == GgufKind::kString ? file.text(key).size() : 1;
      else if (file.element_kind(key) == GgufKind::kString) sum += file.texts(key).size();
      else if (file.element_kind(key) == GgufKind::kArray) sum += file.number_lists(key).size();
      else if (file.element_kind(key) != GgufKind::kBool) sum += file.numbers(key).size();
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), StartsWith(file.path().string()));
    }
  }
  for (const GgufTensor& tensor : file.tensors()) {
    for (size_t i = 0; i < tensor.bytes; ++i) sum += static_cast<uint64_t>(tensor.data[i]);
  }
  return sum;
}

TEST(Gguf, MutantsLoadOrAreRefused) {
  const test::MemoryFile memory;
  const auto word = [](uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };
  test::Mutator mutate(2, {word(0), word(1), word(3), word(8), word(9), word(12), std::string(8, '\0'), "m.int8",
                           "m.bool", "general.alignment", "split.count", "\xFF", std::string(1, '\x01')});
  const std::string good = bytes_of(kGolden + "metadata.gguf");
  int num_loaded = 0, num_refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    memory.put(mutate(good));
    try {
      const GgufFile file(memory.path());
      ASSERT_LT(read_all(file), uint64_t{1} << 32);
      ++num_loaded;
    } catch (const ConfigError& error) {
      ASSERT_THAT(error.what(), StartsWith(memory.path().string()));
      ++num_refused;
    }
  }
  EXPECT_GT(num_loaded, 1'000);
  EXPECT_GT(num_refused, 5'000);
}

}  // namespace
}  // namespace peftlab::io
