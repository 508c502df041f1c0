#include "core/io/regex_fault.h"

#include <gtest/gtest.h>

namespace peftlab::io {
namespace {

TEST(RegexFault, SaysNothingOfWhatIsRight) {
  for (const char* right : {"", ".*\\.(q|v)_proj", "a**", "[^]]", "a{2}b{2,}c{2,5}?", "(?:a)(?=b)(?!c)",
                            "[[:alpha:]\\]]", "\\x41", "a]}"}) {
    EXPECT_EQ(regex_fault(right), "") << right;
  }
}

TEST(RegexFault, SaysWhyAndAtWhichCharacter) {
  EXPECT_EQ(regex_fault("("), "'(' at character 1 is never closed");
  EXPECT_EQ(regex_fault("\xc3\xa4\xc3\xb6(b"), "'(' at character 3 is never closed");
  EXPECT_EQ(regex_fault("(a)(b(c)"), "'(' at character 4 is never closed");
  EXPECT_EQ(regex_fault("a[()"), "'[' at character 2 is never closed");
  EXPECT_EQ(regex_fault("a)"), "')' at character 2 closes what was not opened");
  EXPECT_EQ(regex_fault("*a"), "'*' at character 1 has nothing before it that could be repeated");
  EXPECT_EQ(regex_fault("(a|+)"), "'+' at character 4 has nothing before it that could be repeated");
  EXPECT_EQ(regex_fault("{2}"), "'{' at character 1 has nothing before it that could be repeated");
  EXPECT_EQ(regex_fault("a\\"), "'\\' at character 2 ends the expression, expected a character after it");
  EXPECT_EQ(regex_fault("\\x1"), "'\\' at character 1 goes on with 'x', expected 2 hexadecimal digits after that");
  EXPECT_EQ(regex_fault("(?<!x)a"), "'(' at character 1 goes on with '?<', expected '?:', '?=' or '?!', or no '?'");
  const std::string set = "begins a set that has a range from high to low or a class that is not known";
  EXPECT_EQ(regex_fault("[z-a]"), "'[' at character 1 " + set);
  EXPECT_EQ(regex_fault("a[[:foo:]]"), "'[' at character 2 " + set);
  const std::string count = "expected after it a count such as {2}, {2,} or {2,5}, or '\\' before it";
  EXPECT_EQ(regex_fault("a{"), "'{' at character 2 " + count);
  EXPECT_EQ(regex_fault("a{3,2}"), "'{' at character 2 " + count);
}

TEST(RegexFault, PassesOnWhatHasNoPlace) { EXPECT_NE(regex_fault("a\\2"), ""); }

}  // namespace
}  // namespace peftlab::io
