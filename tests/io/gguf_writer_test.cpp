#include <gmock/gmock.h>

#include <cstring>

#include "core/io/gguf.h"
#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::io {
namespace {

using test::message_of;
using test::Scratch;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(WriteGguf, ComesBackEqual) {
  const Scratch scratch;
  const float values[6] = {1, 2, 3, 4, 5, 6};
  const auto* data = reinterpret_cast<const std::byte*>(values);
  const GgufMetadata metadata = {{"general.architecture", std::string("llama")},
                                 {"b", true},
                                 {"u", uint32_t{7}},
                                 {"i", int32_t{-7}},
                                 {"U", uint64_t{1} << 62},
                                 {"I", int64_t{-5}},
                                 {"f", 0.5f},
                                 {"d", 0.1},
                                 {"s", std::vector<std::string>{"x", "臺"}},
                                 {"is", std::vector<int32_t>{1, -2}},
                                 {"fs", std::vector<float>{0.5f}}};
  write_gguf(scratch / "m.gguf", metadata,
             {{"a", GgmlType::kF32, {2, 3}, data, 24},
              {"half", GgmlType::kBF16, {3}, data, 6},
              {"one", GgmlType::kF32, {}, data, 4}});
  const GgufFile file(scratch / "m.gguf");
  EXPECT_EQ(file.text("general.architecture"), "llama");
  EXPECT_TRUE(file.flag("b"));
  EXPECT_EQ(file.kind("u"), GgufKind::kUint32);
  EXPECT_EQ(file.integer("i"), -7);
  EXPECT_EQ(file.integer("U"), int64_t{1} << 62);
  EXPECT_EQ(file.integer("I"), -5);
  EXPECT_EQ(file.number("f"), 0.5);
  EXPECT_EQ(file.number("d"), 0.1);
  EXPECT_THAT(file.texts("s"), ElementsAre("x", "臺"));
  EXPECT_THAT(file.integers("is"), ElementsAre(1, -2));
  EXPECT_THAT(file.numbers("fs"), ElementsAre(0.5));
  EXPECT_THAT(file.at("a").shape, ElementsAre(2, 3));
  EXPECT_EQ(std::memcmp(file.at("a").data, data, 24), 0);
  EXPECT_EQ(std::memcmp(file.at("half").data, data, 6), 0);
  EXPECT_EQ(file.at("one").num_elements(), 1u);
}

TEST(WriteGguf, RefusesWrongUse) {
  const Scratch scratch;
  const std::byte data[32] = {};
  const auto write = [&](const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
    return message_of<std::invalid_argument>([&] { write_gguf(scratch / "f", metadata, tensors); });
  };
  const GgufTensor good{"a", GgmlType::kF32, {2}, data, 8};
  EXPECT_THAT(write({{"k", true}, {"k", false}}, {}), HasSubstr("key 'k' is empty or given twice"));
  EXPECT_THAT(write({{"general.alignment", uint32_t{64}}}, {}), HasSubstr("the alignment is 32"));
  EXPECT_THAT(write({{"k", std::string("\xFF")}}, {}), HasSubstr("is not UTF-8"));
  EXPECT_THAT(write({}, {good, good}), HasSubstr("tensor 'a': empty or given twice"));
  EXPECT_THAT(write({}, {{"a", GgmlType::kF32, {3}, data, 8}}), HasSubstr("tensor 'a': bytes and shape do not fit"));
  EXPECT_THAT(write({}, {{"a", GgmlType::kQ4_0, {16}, data, 9}}), HasSubstr("bytes and shape do not fit"));
  EXPECT_THAT(write({}, {{"a", GgmlType::kF32, {-1}, data, 8}}), HasSubstr("negative dimension"));
  EXPECT_THAT(write({}, {{"a", GgmlType::kF32, {1, 1, 1, 1, 2}, data, 8}}), HasSubstr("more than four dimensions"));
  EXPECT_EQ(scratch.num_entries(), 0u);
  write_gguf(scratch / "f", {}, {good});
  const GgufFile file(scratch / "f");
  EXPECT_THAT(message_of<RunError>([&] { write_gguf(scratch / "f", {}, {good}); }),
              HasSubstr("is being read by this process"));
}

}  // namespace
}  // namespace peftlab::io
