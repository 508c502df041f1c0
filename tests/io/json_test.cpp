#include "core/io/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/io/json_scanner.h"

namespace peftlab::io {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string mistake_in(const std::string& text) {
  try {
    parse_json(text, "f.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

struct Broken {
  const char* what;
  std::string text;
  std::string message;
};

class BrokenJson : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenJson, NamesThePlaceAndWhatWasExpected) {
  EXPECT_EQ(mistake_in(GetParam().text), "f.json:" + GetParam().message);
}

const Broken kBroken[] = {
    {"Empty", "", "1:1: the text is empty, expected a JSON value"},
    {"Blank", " \n ", "2:2: the text is empty, expected a JSON value"},
    {"CommaBeforeBrace", "{\n  \"a\": 1,\n}", "2:9: a comma before '}' is not allowed"},
    {"CommaBeforeBracket", "[1, ]", "1:3: a comma before ']' is not allowed"},
    {"NoComma", "{\"a\": 1\n \"b\": 2}", "2:2: expected ',' or '}', got '\"'"},
    {"NoColon", "{\"a\" 1}", "1:6: expected ':' after the key, got '1'"},
    {"BareKey", "{a: 1}", "1:2: expected a key in double quotes, got 'a'"},
    {"Unclosed", "{\n \"a\": [1, 2",
     "2:12: expected ',' or ']', got the end of the text; the '[' of line 2 is not closed"},
    {"UnclosedEmpty", "[", "1:2: expected a value or ']', got the end of the text; the '[' of line 1 is not closed"},
    {"UnclosedAfterComma", "{\"a\": 1,",
     "1:9: expected a key in double quotes, got the end of the text; the '{' of line 1 is not closed"},
    {"NoValue", "{\"a\":", "1:6: expected a value, got the end of the text"},
    {"PythonTrue", "{\"a\": True}", "1:7: expected a value, got 'True'; strings stand in double quotes"},
    {"NaN", "[NaN]", "1:2: expected a value, got 'NaN'; strings stand in double quotes"},
    {"SingleQuote", "['a']", "1:2: expected a value, got a single quote; strings stand in double quotes"},
    {"Comment", "{} // why", "1:4: expected JSON, got '/'; comments are not allowed"},
    {"OpenString", "{\"a\": \"x\n}", "1:7: the string that begins here is not closed on its line"},
    {"TabInString", "[\"a\tb\"]", "1:4: byte 0x09 inside a string, expected an escape such as \\t or \\u0001"},
    {"Escape", "[\"C:\\data\"]", "1:5: '\\d' is no escape; a backslash is written '\\\\'"},
    {"Unicode", "[\"\\u12g4\"]", "1:3: expected four hexadecimal digits after '\\u'"},
    {"LoneFirst", "[\"\\ud83d x\"]", "1:3: the first half of a surrogate pair stands without the second"},
    {"LoneSecond", "[\"\\ude00\"]", "1:3: the second half of a surrogate pair stands without the first"},
    {"LeadingZero", "[01]", "1:2: '01' is not a number as JSON writes it"},
    {"Plus", "[+1]", "1:2: '+1' is not a number as JSON writes it"},
    {"NoDigitAfterDot", "[1.]", "1:2: '1.' is not a number as JSON writes it"},
    {"NoDigitBeforeDot", "[.5]", "1:2: '.5' is not a number as JSON writes it"},
    {"Hexadecimal", "[0x10]", "1:2: '0x10' is not a number as JSON writes it"},
    {"TooLarge", "[1e999]", "1:2: '1e999' is too large for a number"},
    {"Twice", "{\"a\": 1,\n \"\\u0061\": 2}", "2:2: the key \"\\u0061\" is given twice"},
    {"Rest", "{} {}", "1:4: expected the end of the text, got '{'"},
    {"ZeroByte", std::string("{}\0", 3), "1:3: expected the end of the text, got byte 0x00"},
    {"Latin1", "{\"a\": \"caf\xE9\"}", "1:11: byte 0xE9 is not UTF-8; save the file as UTF-8"},
    {"Overlong", "[\"\xC0\xAF\"]", "1:3: byte 0xC0 is not UTF-8; save the file as UTF-8"},
    {"Surrogate", "[\"\xED\xA0\x80\"]", "1:3: byte 0xED is not UTF-8; save the file as UTF-8"},
    {"CutCharacter", "[\"\xE8\xB7", "1:3: byte 0xE8 is not UTF-8; save the file as UTF-8"},
    {"ColumnsAreCharacters", "{\"路名\": \"八德路\" x}", "1:14: expected ',' or '}', got 'x'"},
    {"AfterByteOrderMark", "\xEF\xBB\xBF[x]", "1:2: expected a value, got 'x'; strings stand in double quotes"},
    {"TwoByteOrderMarks", "\xEF\xBB\xBF\xEF\xBB\xBF{}", "1:1: expected a value, got a byte order mark"},
    {"Deep", std::string(129, '['), "1:129: nested deeper than 128 levels"},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenJson, ::testing::ValuesIn(kBroken),
                         [](const auto& info) { return info.param.what; });

// What the scanner says of a text and what nlohmann reads must agree, or a broken file would lose its place.
TEST(Json, ReaderAndScannerAgreeOnMutants) {
  const std::string seed =
      "{\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"], \"路\": {\"b\": {}, \"c\": []}}";
  using std::string_view_literals::operator""sv;
  const std::string_view pieces = "{}[]\",:\\/.-+eE0159untfalse \n\t\0\x7f\xEF\xBB\xBF\xE8\xC0\xFF"sv;
  std::mt19937 random(1);
  int num_good = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = seed;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % (text.size() + 1);
      const std::size_t end = std::min(text.size(), at + random() % 4);
      text.replace(at, end - at, std::string(random() % 3, pieces[random() % pieces.size()]));
    }
    const std::string wrong = mistake_in(text);
    num_good += wrong.empty();
    const std::string_view rest = std::string_view(text).substr(text.rfind("\xEF\xBB\xBF", 0) == 0 ? 3 : 0);
    ASSERT_EQ(wrong.empty(), !scan_json(rest)) << text << "\n" << wrong;
    ASSERT_TRUE(wrong.empty() || std::isdigit(static_cast<unsigned char>(wrong.at(7)))) << text << "\n" << wrong;
  }
  EXPECT_GT(num_good, 1000);
}

TEST(Json, ReadsEveryKindOfValueInOrder) {
  const auto document = parse_json(
      R"({"z": [1, -2, 1e2, 0.5, true, false, null], "a": {"s": "\u8def\n\ud83d\ude00"}, "": {}})", "f.json");
  EXPECT_EQ(document.value.begin().key(), "z");
  EXPECT_EQ(document.value.dump(), R"({"z":[1,-2,100.0,0.5,true,false,null],"a":{"s":"路\n😀"},"":{}})");
}

TEST(Json, AcceptsAByteOrderMarkAndTheDeepestNesting) {
  EXPECT_EQ(parse_json("\xEF\xBB\xBF{\"a\": 1}", "f.json").value.at("a"), 1);
  EXPECT_TRUE(parse_json(std::string(128, '[') + std::string(128, ']'), "f.json").value.is_array());
}

TEST(Json, AMillionOpenBracketsAreRefused) {
  EXPECT_THAT(mistake_in(std::string(1000000, '[')), HasSubstr("nested deeper"));
}

TEST(Json, TellsWhereEachValueStands) {
  const auto document = parse_json(
      "\xEF\xBB\xBF{\n  \"a\": {\"b/c~\": 1, \"路\": 2, \"d\": 3},\r\n  \"list\": [10,\n 20]\n}", "dir/f.json");
  EXPECT_EQ(document.where(""), "dir/f.json:1:1");
  EXPECT_EQ(document.where("/a"), "dir/f.json:2:3");
  EXPECT_EQ(document.where("/a/b~1c~0"), "dir/f.json:2:9");
  EXPECT_EQ(document.where("/a/d"), "dir/f.json:2:28");
  EXPECT_EQ(document.where("/list/1"), "dir/f.json:4:2");
  EXPECT_EQ(document.where("/a/missing/below"), "dir/f.json:2:3");
  EXPECT_EQ(document.where("/missing"), "dir/f.json:1:1");
}

TEST(Json, PointersEscape) {
  EXPECT_EQ(child("/a", "b/c~d"), "/a/b~1c~0d");
  EXPECT_EQ(child("/a", std::size_t{3}), "/a/3");
}

TEST(Json, AVocabularyIsReadInLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + std::to_string(i);
  const auto before = std::chrono::steady_clock::now();
  const auto document = parse_json(text + "}", "vocab.json");
  EXPECT_EQ(document.value.size(), 200000u);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
}

class JsonFile : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string mistake(const std::filesystem::path& path) const {
    try {
      read_json(path);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("peftlab json " + std::to_string(::getpid()));
};

TEST_F(JsonFile, IsReadAndNamesItsPath) {
  const auto path = folder_ / "a b.json";
  std::ofstream(path) << "{\"a\": 1}";
  const auto document = read_json(path);
  EXPECT_EQ(document.value.at("a"), 1);
  EXPECT_EQ(document.where("/a"), path.string() + ":1:2");
}

TEST_F(JsonFile, ThatCannotBeReadSaysWhy) {
  const auto missing = folder_ / "none.json";
  EXPECT_THAT(mistake(missing), StartsWith(missing.string() + ": "));
  EXPECT_THAT(mistake(folder_), StartsWith(folder_.string() + ": "));
  const auto broken = folder_ / "broken.json";
  std::ofstream(broken) << "{\n\"a\" 1}";
  EXPECT_EQ(mistake(broken), broken.string() + ":2:5: expected ':' after the key, got '1'");
}

TEST_F(JsonFile, TooLongIsRefusedBeforeItIsRead) {
  const auto path = folder_ / "sparse.json";
  std::ofstream(path) << "{}";
  std::filesystem::resize_file(path, std::uintmax_t{3} << 30);
  EXPECT_THAT(mistake(path), StartsWith(path.string() + ": has 3221225472 bytes"));
}

TEST(MistakesList, ThrowsAllInTheirOrderOnALineEach) {
  Mistakes mistakes;
  EXPECT_NO_THROW(mistakes.throw_if_any());
  EXPECT_TRUE(mistakes.empty());
  mistakes.add("f.json:1:2", "/a\nb", "first");
  mistakes.add("dir", "", "second");
  try {
    mistakes.throw_if_any();
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "f.json:1:2: /a\\u000ab: first\ndir: second");
  }
}

TEST(Nearest, FindsTyposAndNothingElse) {
  const std::vector<std::string> known = {"rank", "alpha", "learning_rate", "batch_size"};
  EXPECT_EQ(nearest("rnak", known), "rank");
  EXPECT_EQ(nearest("Rank", known), "rank");
  EXPECT_EQ(nearest("batchSize", known), "batch_size");
  EXPECT_EQ(nearest("learningrate", known), "learning_rate");
  EXPECT_EQ(nearest("dropout", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(1000000, 'a'), known), "");
}

}  // namespace
}  // namespace peftlab::io
