// Whatever text comes in, it leaves as text.
#include "core/page/html.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/page/tables.h"

namespace peftlab::page {
namespace {

TEST(Html, TextIsNeverMarkup) {
  EXPECT_EQ(Html::text("<script>alert('1') & \"2\"</script>").markup(),
            "&lt;script&gt;alert(&#39;1&#39;) &amp; &quot;2&quot;&lt;/script&gt;");
  EXPECT_EQ(element("p", {{"title", "\"><img onerror='x'>"}}, "a<b").markup(),
            "<p title=\"&quot;&gt;&lt;img onerror=&#39;x&#39;&gt;\">a&lt;b</p>");
  EXPECT_EQ(single("path", {{"d", "M0 0\" onload=\"x"}}).markup(), "<path d=\"M0 0&quot; onload=&quot;x\"/>");
}

TEST(Html, LiteralsAndElementsStay) {
  const auto html = Html::literal("<b>1</b>") + element("i", Html::text("x")) + Html();
  EXPECT_EQ(html.markup(), "<b>1</b><i>x</i>");
  EXPECT_TRUE(Html().empty());
  EXPECT_FALSE(html.empty());
}

TEST(Printable, ShowsWhatIsNotWellFormedOrSteersTheScreen) {
  EXPECT_EQ(printable("路\tnew\nline é 😀"), "路\tnew\nline é 😀");
  EXPECT_EQ(printable(std::string_view("a\0b\x1b[2Jc\x7f", 9)), "a\uFFFDb\uFFFD[2Jc\uFFFD");
  EXPECT_EQ(printable("\xC2\x9B"), "\uFFFD");        // C1
  EXPECT_EQ(printable("a\xFFz"), "a\uFFFDz");        // no UTF-8
  EXPECT_EQ(printable("\xE8\xB7"), "\uFFFD\uFFFD");  // cut
  EXPECT_EQ(printable("a\u202Eb\u2066c\u200Fd"), "a\uFFFDb\uFFFDc\uFFFDd");
  EXPECT_EQ(printable("\u2026\u2013\u00A0"), "\u2026\u2013\u00A0");
}

TEST(Clipped, CutsBetweenCharacters) {
  EXPECT_EQ(clipped("路名路", 3), "路名路");
  EXPECT_EQ(clipped("路名路", 2), "路名…");
  EXPECT_EQ(clipped("", 0), "");
}

TEST(ShortNumber, HasThreeDigitsThatCount) {
  EXPECT_EQ(short_number(0.00123456), "0.00123");
  EXPECT_EQ(short_number(45.64), "45.6");
  EXPECT_EQ(short_number(2520.4), "2520");
  EXPECT_EQ(short_number(-999.6), "-1000");
  EXPECT_EQ(short_number(2.5e8), "2.5e+08");
  EXPECT_EQ(short_number(NAN), "nan");
}

TEST(Table, HeadsRowsAndColumnsAndIsReachedByKeyboard) {
  const auto markup = table({"a <caption>", {"run", "score"}, {{TableCell::of("x"), TableCell::number("1")}}}).markup();
  EXPECT_NE(markup.find("tabindex=\"0\""), std::string::npos);
  EXPECT_NE(markup.find("aria-label=\"a &lt;caption&gt;\""), std::string::npos);
  EXPECT_NE(markup.find("<th scope=\"col\">score</th>"), std::string::npos);
  EXPECT_NE(markup.find("<th scope=\"row\">x</th><td class=\"number\">1</td>"), std::string::npos);
}

}  // namespace
}  // namespace peftlab::page
