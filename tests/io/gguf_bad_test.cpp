#include <gmock/gmock.h>

#include "core/io/gguf.h"
#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::io {
namespace {

using test::message_of;
using test::put;
using test::Scratch;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Puts a file together field by field, so that any of them can lie.
class Builder {
 public:
  template <typename T>
  Builder& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Builder& string(const std::string& text) { return put<uint64_t>(text.size()).raw(text); }
  Builder& raw(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }
  Builder& start(uint64_t num_tensors, uint64_t num_entries, uint32_t version = 3) {
    return raw("GGUF").put(version).put(num_tensors).put(num_entries);
  }
  Builder& kind(GgufKind kind) { return put(static_cast<uint32_t>(kind)); }
  Builder& tensor(const std::string& name, const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset) {
    string(name).put(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t dimension : dimensions) put(dimension);
    return put(type).put(offset);
  }
  Builder& data(size_t size) {
    bytes_.resize((bytes_.size() + 31) / 32 * 32);
    bytes_.append(size, 'x');
    return *this;
  }
  operator std::string() const { return bytes_; }

 private:
  std::string bytes_;
};

TEST(Gguf, ReadsVersion2AndOtherAlignments) {
  const Scratch scratch;
  put(scratch / "f", Builder()
                         .start(2, 1, 2)
                         .string("general.alignment")
                         .kind(GgufKind::kUint32)
                         .put<uint32_t>(8)
                         .tensor("a", {2}, 0, 0)
                         .tensor("b", {}, 24, 8)
                         .data(9));
  const GgufFile file(scratch / "f");
  EXPECT_EQ(file.version(), 2u);
  EXPECT_EQ(file.alignment(), 8u);
  EXPECT_EQ(file.at("a").bytes, 8u);
  EXPECT_EQ(file.at("b").num_elements(), 1u);
}

TEST(Gguf, AVocabularyAloneNeedsNoData) {
  const Scratch scratch;
  put(scratch / "f", Builder().start(0, 1).string("k").kind(GgufKind::kBool).put<uint8_t>(0));
  EXPECT_FALSE(GgufFile(scratch / "f").flag("k"));
}

struct Bad {
  const char* what;
  std::string bytes;
  const char* message;
};

class BadGguf : public testing::TestWithParam<Bad> {};

TEST_P(BadGguf, IsRefusedInWords) {
  const Scratch scratch;
  put(scratch / "f", GetParam().bytes);
  EXPECT_THAT(message_of<ConfigError>([&] { GgufFile(scratch / "f"); }),
              AllOf(StartsWith((scratch / "f").string() + ": "), HasSubstr(GetParam().message)))
      << GetParam().what;
}

Builder entry(const std::string& key) { return Builder().start(0, 1).string(key); }

Builder list(GgufKind element, uint64_t length) { return entry("k").kind(GgufKind::kArray).kind(element).put(length); }

Builder alignment(uint32_t value) { return entry("general.alignment").kind(GgufKind::kUint32).put(value); }

Builder one(const std::vector<uint64_t>& dimensions, uint32_t type = 0, uint64_t offset = 0) {
  return Builder().start(1, 0).tensor("a", dimensions, type, offset);
}

std::string deep(int depth) {
  Builder file = entry("k").kind(GgufKind::kArray);
  for (int i = 0; i < depth; ++i) file.kind(GgufKind::kArray).put<uint64_t>(1);
  return file.kind(GgufKind::kUint8).put<uint64_t>(0);
}

constexpr uint64_t kHuge = ~0ULL;

INSTANTIATE_TEST_SUITE_P(
    Cases, BadGguf,
    testing::Values(
        Bad{"empty", "", "is no GGUF file"}, Bad{"other magic", "GGML" + std::string(40, '\0'), "is no GGUF file"},
        Bad{"version 1", Builder().start(0, 0, 1), "GGUF version 1, versions 2 and 3 are read"},
        Bad{"version 0", Builder().start(0, 0, 0), "GGUF version 0"},
        Bad{"version 4", Builder().start(0, 0, 4), "GGUF version 4"},
        Bad{"big-endian", Builder().start(0, 0, 0x03000000), "is a big-endian GGUF file; convert it"},
        Bad{"too many entries", Builder().start(0, kHuge),
            "claims 18446744073709551615 metadata entries, more than fit"},
        Bad{"too many tensors", Builder().start(kHuge, 0), "claims 18446744073709551615 tensors, more than fit"},
        Bad{"a tensor too many", one({1}).raw(std::string(8, '\0')).raw(""), "tensor 'a': takes 4 bytes"},
        Bad{"lying key length", Builder().start(0, 1).put(kHuge).raw(std::string(40, 'x')),
            "key of metadata entry 0: takes 18446744073709551615 bytes"},
        Bad{"empty key", entry("").kind(GgufKind::kUint8).put<uint8_t>(1), "metadata entry 0: its key is empty"},
        Bad{"key not UTF-8", entry("\xC0\x80").kind(GgufKind::kUint8).put<uint8_t>(1),
            "key of metadata entry 0: is not UTF-8"},
        Bad{"key twice",
            Builder()
                .start(0, 2)
                .string("k")
                .kind(GgufKind::kUint8)
                .put<uint8_t>(1)
                .string("k")
                .kind(GgufKind::kUint8)
                .put<uint8_t>(1),
            "metadata 'k': is given twice"},
        Bad{"unknown kind", entry("k").put<uint32_t>(13).raw("x"), "metadata 'k': unknown value type 13"},
        Bad{"unknown element kind", entry("k").kind(GgufKind::kArray).put<uint32_t>(99).put<uint64_t>(0),
            "unknown value type 99"},
        Bad{"boolean of 2", entry("k").kind(GgufKind::kBool).put<uint8_t>(2),
            "metadata 'k': a boolean is neither 0 nor 1"},
        Bad{"boolean of 2 in a list", list(GgufKind::kBool, 1).put<uint8_t>(2), "a boolean is neither 0 nor 1"},
        Bad{"value cut off", entry("k").kind(GgufKind::kUint64).put<uint32_t>(1),
            "metadata 'k': takes 8 bytes, but only 4 follow"},
        Bad{"lying string", entry("k").kind(GgufKind::kString).put<uint64_t>(1 << 20).raw("x"),
            "metadata 'k': takes 1048576 bytes"},
        Bad{"string not UTF-8", entry("k").kind(GgufKind::kString).string("\xF5\x80\x80\x80"),
            "metadata 'k': is not UTF-8"},
        Bad{"string in a list not UTF-8", list(GgufKind::kString, 1).string("a\xE2\x82"), "metadata 'k': is not UTF-8"},
        Bad{"list of too many numbers", list(GgufKind::kInt64, 1ULL << 61).raw(std::string(64, 'x')),
            "metadata 'k': claims 2305843009213693952 elements, more than fit"},
        Bad{"list of too many strings", list(GgufKind::kString, 9).raw(std::string(64, '\0')),
            "claims 9 elements, more than fit"},
        Bad{"list of too many lists", list(GgufKind::kArray, 1ULL << 60).raw(std::string(64, '\0')), "more than fit"},
        Bad{"deep lists", deep(9), "lists nested deeper than 8"},
        Bad{"very deep lists", deep(100'000), "lists nested deeper than 8"},
        Bad{"alignment 0", alignment(0), "'general.alignment': got 0, expected a power of two"},
        Bad{"alignment 24", alignment(24), "got 24, expected a power of two"},
        Bad{"alignment 4", alignment(4), "from 8 on"},
        Bad{"alignment of another kind", entry("general.alignment").kind(GgufKind::kUint64).put<uint64_t>(32),
            "'general.alignment': expected uint32, got uint64"},
        Bad{"split model", entry("split.count").kind(GgufKind::kUint16).put<uint16_t>(3),
            "one part of a model split in 3; join them"},
        Bad{"tensor name twice", Builder().start(2, 0).tensor("a", {1}, 0, 0).tensor("a", {1}, 0, 32).data(64),
            "tensor 'a': is given twice"},
        Bad{"empty tensor name", Builder().start(1, 0).tensor("", {1}, 0, 0).data(4), "tensor 0: its name is empty"},
        Bad{"tensor name not UTF-8", Builder().start(1, 0).tensor("\xFF", {1}, 0, 0).data(4),
            "name of tensor 0: is not UTF-8"},
        Bad{"five dimensions", one({1, 1, 1, 1, 1}).data(4), "tensor 'a': has 5 dimensions, at most 4"},
        Bad{"lying dimensions", Builder().start(1, 0).string("a").put<uint32_t>(~0U).raw(std::string(32, 'x')),
            "has 4294967295 dimensions"},
        Bad{"dimension over int64", one({1ULL << 63}).data(4), "dimension 9223372036854775808 is too large"},
        Bad{"product overflows", one({1ULL << 32, 1ULL << 32}).data(4), "tensor 'a': its shape overflows"},
        Bad{"bytes overflow", one({1ULL << 62}).data(4), "tensor 'a': its shape overflows"},
        Bad{"elements overflow", one({1ULL << 62, 0, 8}).data(4), "tensor 'a': its shape overflows"},
        Bad{"rows of no whole blocks", one({16, 2}, 2).data(32), "its rows are no whole blocks of Q4_0"},
        Bad{"unknown type", one({1}, 77).data(4), "tensor 'a': unknown tensor type 77"},
        Bad{"removed type", one({32}, 4).data(32), "tensor 'a': unknown tensor type 4"},
        Bad{"offset not aligned", one({1}, 0, 4).data(64), "tensor 'a': offset 4 is no multiple of the alignment 32"},
        Bad{"offset outside", one({1}, 0, 64).data(64), "tensor 'a': takes 4 bytes from 64 on, but the data has 64"},
        Bad{"offset overflows", one({1}, 0, kHuge - 31).data(64),
            "tensor 'a': takes 4 bytes from 18446744073709551584 on"},
        Bad{"data cut off", one({16}).data(63), "tensor 'a': takes 64 bytes from 0 on, but the data has 63"},
        Bad{"no data at all", one({1}), "tensor 'a': takes 4 bytes from 0 on, but the data has 0"},
        Bad{"overlap", Builder().start(2, 0).tensor("a", {16}, 0, 0).tensor("b", {1}, 0, 32).data(64),
            "tensors 'a' and 'b' overlap"}));

}  // namespace
}  // namespace peftlab::io
