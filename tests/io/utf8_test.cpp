#include "core/io/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace peftlab::io {
namespace {

TEST(Utf8, TakesAllThatIsWellFormed) {
  for (const std::string text :
       {"", "plain", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF", "臺北市中正區🙂 and more than eight bytes"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  EXPECT_TRUE(is_utf8(std::string(20, '\0')));
}

TEST(Utf8, FindsTheFirstBadByte) {
  const std::string before = "0123456789abc";
  for (const std::string bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82", "\xE2\x82\x41",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x99", "\xFF"}) {
    EXPECT_EQ(first_invalid_utf8(before + bad), before.size());
    EXPECT_EQ(first_invalid_utf8(before + bad + "0123456789"), before.size());
  }
}

}  // namespace
}  // namespace peftlab::io
