#include "core/io/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

#include "mutation.h"
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

std::string u64(uint64_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string file_of(const std::string& header, const std::string& data) { return u64(header.size()) + header + data; }

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string good_file() {
  return file_of("{" + entry("a", "F32", "[2,2]", "[0,16]") + "," + entry("b", "BF16", "[3]", "[16,22]") + "," +
                     entry("empty", "I64", "[0,5]", "[22,22]") + "," + entry("scalar", "U8", "[]", "[22,23]") +
                     R"(,"__metadata__":{"format":"pt"}}  )",
                 "0123456789abcdefghijklm");
}

TEST(Safetensors, ReadsGoodFiles) {
  const Scratch scratch;
  put(scratch / "m.safetensors", good_file());
  SafetensorsFile opened(scratch / "m.safetensors");
  const SafetensorsFile file(std::move(opened));
  EXPECT_THAT(file.names(), ElementsAre("a", "b", "empty", "scalar"));
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const TensorView& b = file.at("b");
  EXPECT_EQ(b.dtype, Dtype::kBF16);
  EXPECT_THAT(b.shape, ElementsAre(3));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(b.data), b.bytes), "ghijkl");
  EXPECT_EQ(file.at("empty").bytes, 0u);
  EXPECT_THAT(file.at("scalar").shape, ElementsAre());
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_THAT(message_of<ConfigError>([&] { file.at("scalars"); }),
              HasSubstr("m.safetensors: has no tensor 'scalars'; the nearest is 'scalar'"));
}

TEST(Safetensors, EmptyFilesHoldNoTensors) {
  const Scratch scratch;
  put(scratch / "f", file_of("{}", ""));
  EXPECT_TRUE(SafetensorsFile(scratch / "f").tensors().empty());
}

TEST(Safetensors, KnowsEveryDtypeByName) {
  for (const auto& [text, bits] : std::map<std::string, int64_t>{
           {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
           {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
           {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
           {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}}) {
    const auto dtype = dtype_named(text);
    ASSERT_TRUE(dtype) << text;
    EXPECT_EQ(dtype_name(*dtype), text);
    EXPECT_EQ(dtype_bits(*dtype), bits) << text;
  }
  EXPECT_FALSE(dtype_named("F128"));
  EXPECT_EQ(tensor_bytes(Dtype::kF4, {3, 4}), 6u);
  EXPECT_EQ(tensor_bytes(Dtype::kF6E2M3, {4}), 3u);
  EXPECT_FALSE(tensor_bytes(Dtype::kF4, {3})) << "half a byte";
  EXPECT_FALSE(tensor_bytes(Dtype::kU8, {-1}));
  EXPECT_FALSE(tensor_bytes(Dtype::kU8, {int64_t{1} << 62, int64_t{1} << 62, 0}));
}

struct Bad {
  const char* what;
  std::string bytes;
  const char* message;
};

class BadSafetensors : public testing::TestWithParam<Bad> {};

TEST_P(BadSafetensors, IsRefusedInWords) {
  const Scratch scratch;
  put(scratch / "f", GetParam().bytes);
  EXPECT_THAT(message_of<ConfigError>([&] { SafetensorsFile(scratch / "f"); }),
              AllOf(StartsWith((scratch / "f").string() + ": "), HasSubstr(GetParam().message)))
      << GetParam().what;
}

std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets, size_t data = 4) {
  return file_of("{" + entry("a", dtype, shape, offsets) + "}", std::string(data, 'x'));
}

std::string two(const std::string& first, const std::string& second, size_t data) {
  return file_of("{" + entry("a", "U8", "[4]", first) + "," + entry("b", "U8", "[4]", second) + "}",
                 std::string(data, 'x'));
}

std::string nested(size_t depth) {
  return file_of("{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}", "");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadSafetensors,
    testing::Values(
        Bad{"empty", "", "has 0 bytes, a safetensors file has at least 8"},
        Bad{"seven bytes", "1234567", "has 7 bytes"},
        Bad{"lying header length", u64(100) + "{}", "header of 100 bytes, but only 2 follow"},
        Bad{"huge header length", u64(~0ULL) + "{}", "header of 18446744073709551615 bytes, at most 100000000"},
        Bad{"length near overflow", u64(~0ULL - 7) + "{}", "at most 100000000"},
        Bad{"no header", u64(0), "expected '{' as its first byte"},
        Bad{"leading space", file_of(" {}", ""), "expected '{' as its first byte"},
        Bad{"a list", file_of("[]", ""), "expected '{' as its first byte"},
        Bad{"broken JSON", file_of("{\"a\":", ""), "header: is not JSON at byte"},
        Bad{"two documents", file_of("{}{}", ""), "header: is not JSON at byte"},
        Bad{"trailing NUL", file_of(std::string("{}\0", 3), ""), "header: is not JSON at byte"},
        Bad{"not UTF-8", file_of("{\"\xFF\":{}}", ""), "header: is not UTF-8 at byte 2"},
        Bad{"surrogate", file_of("{\"\xED\xA0\x80\":{}}", ""), "header: is not UTF-8 at byte 2"},
        Bad{"deep", nested(100'000), "'a': expected an object, got a list"},
        Bad{"entry is a number", file_of("{\"a\":1}", ""), "'a': expected an object, got a number"},
        Bad{"entry is null", file_of("{\"a\":null}", ""), "'a': expected an object, got null"},
        Bad{"name twice",
            file_of("{" + entry("a", "U8", "[0]", "[0,0]") + "," + entry("a", "U8", "[0]", "[0,0]") + "}", ""),
            "the key 'a' is given twice"},
        Bad{"key twice", file_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})", ""),
            "tensor 'a': the key 'dtype' is given twice"},
        Bad{"unknown key", file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}})", ""),
            "tensor 'a': unknown key 'x'"},
        Bad{"no dtype", file_of(R"({"a":{"shape":[0],"data_offsets":[0,0]}})", ""), "tensor 'a': dtype is missing"},
        Bad{"no shape", file_of(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", ""), "tensor 'a': shape is missing"},
        Bad{"no offsets", file_of(R"({"a":{"dtype":"U8","shape":[0]}})", ""), "tensor 'a': data_offsets is missing"},
        Bad{"dtype is a number", file_of(R"({"a":{"dtype":1,"shape":[0],"data_offsets":[0,0]}})", ""),
            "tensor 'a': dtype: got a number, expected the name of a type"},
        Bad{"shape is a string", file_of(R"({"a":{"dtype":"U8","shape":"4","data_offsets":[0,0]}})", ""),
            "tensor 'a': shape: got a string, expected a list of numbers"},
        Bad{"shape of lists", one("U8", "[[4]]", "[0,4]"), "tensor 'a': shape: expected numbers from 0 on, got a list"},
        Bad{"shape of objects", one("U8", "[{}]", "[0,4]"),
            "tensor 'a': shape: expected numbers from 0 on, got an object"},
        Bad{"negative dimension", one("U8", "[-4]", "[0,4]"),
            "shape: expected numbers from 0 on, got the negative number -4"},
        Bad{"fraction", one("U8", "[4.0]", "[0,4]"), "shape: expected numbers from 0 on, got the number 4.0"},
        Bad{"true", one("U8", "[true]", "[0,1]", 1), "shape: expected numbers from 0 on, got true"},
        Bad{"dimension over int64", one("U8", "[9223372036854775808]", "[0,4]"),
            "dimension 9223372036854775808 is too large"},
        Bad{"dimension over uint64", one("U8", "[18446744073709551616]", "[0,4]"),
            "shape: expected numbers from 0 on, got"},
        Bad{"product overflows", one("F32", "[4294967296,4294967296]", "[0,4]"), "the shape overflows"},
        Bad{"bits overflow", one("F64", "[1152921504606846976]", "[0,4]"), "the shape overflows"},
        Bad{"unknown dtype", one("F128", "[1]", "[0,4]"), "unknown dtype 'F128'"},
        Bad{"half a byte", one("F4", "[7]", "[0,4]"), "fills no whole bytes"},
        Bad{"one offset", one("U8", "[4]", "[0]"), "data_offsets has 1 numbers, expected 2"},
        Bad{"three offsets", one("U8", "[4]", "[0,4,8]"), "data_offsets has 3 numbers, expected 2"},
        Bad{"offsets reversed", one("U8", "[4]", "[4,0]"), "data_offsets [4, 0] end before they begin"},
        Bad{"shape too small", one("U8", "[3]", "[0,4]"), "data_offsets span 4 bytes, shape and dtype take 3"},
        Bad{"data cut off", one("U8", "[4]", "[0,4]", 3),
            "holds 3 bytes of data, its tensors take 4: the file is cut off"},
        Bad{"data left over", one("U8", "[4]", "[0,4]", 5), "holds 5 bytes of data, its tensors take 4"},
        Bad{"offsets far outside", one("U8", "[4]", "[9223372036854775800,9223372036854775804]"),
            "there is a hole before it"},
        Bad{"overlap", two("[0,4]", "[2,6]", 6),
            "tensor 'b': begins at byte 2 of the data, expected 4: tensors overlap"},
        Bad{"same bytes", two("[0,4]", "[0,4]", 4), "expected 4: tensors overlap"},
        Bad{"hole", two("[0,4]", "[5,9]", 9), "tensor 'b': begins at byte 5 of the data, expected 4: there is a hole"},
        Bad{"hole at the start", one("U8", "[4]", "[1,5]", 5),
            "begins at byte 1 of the data, expected 0: there is a hole"},
        Bad{"metadata of numbers", file_of(R"({"__metadata__":{"a":1}})", ""),
            "__metadata__: 'a': expected a string, got a number"},
        Bad{"metadata of objects", file_of(R"({"__metadata__":{"a":{}}})", ""),
            "__metadata__: 'a': expected a string, got an object"},
        Bad{"metadata twice", file_of(R"({"__metadata__":{"a":"","a":""}})", ""),
            "__metadata__: the key 'a' is given twice"},
        Bad{"zip", "PK\3\4" + std::string(100, 'x'), "is a pickle or zip file"},
        Bad{"pickle", "\x80\x02" + std::string(100, 'x'), "pickles run code when loaded"}));

TEST(Safetensors, CutOffAnywhereItIsRefused) {
  const test::MemoryFile memory;
  const std::string good = good_file();
  for (size_t size = 0; size < good.size(); ++size) {
    memory.put(good.substr(0, size));
    EXPECT_THROW(SafetensorsFile(memory.path()), ConfigError) << size;
  }
}

TEST(Safetensors, MutantsLoadOrAreRefused) {
  const test::MemoryFile memory;
  test::Mutator mutate(1, {"\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"F4\"", "[",
                           "]", "{", "}", ",", ":", "null", "\"a\"", "\xFF", "\"", " "});
  const std::string good = good_file();
  int num_loaded = 0, num_refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    memory.put(mutate(good));
    try {
      const SafetensorsFile file(memory.path());
      uint64_t sum = 0;
      for (const TensorView& tensor : file.tensors()) {
        for (size_t k = 0; k < tensor.bytes; ++k) sum += static_cast<uint64_t>(tensor.data[k]);
        ASSERT_EQ(tensor_bytes(tensor.dtype, tensor.shape), tensor.bytes) << sum;
      }
      ++num_loaded;
    } catch (const ConfigError& error) {
      ASSERT_THAT(error.what(), StartsWith(memory.path().string()));
      ++num_refused;
    }
  }
  EXPECT_GT(num_loaded, 100);
  EXPECT_GT(num_refused, 10'000);
}

}  // namespace
}  // namespace peftlab::io
