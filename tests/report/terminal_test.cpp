#include "core/report/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "core/report/progress_line.h"
#include "tests/support/scratch.h"

namespace peftlab::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A terminal of our own, `columns` wide; -1 where the system has none to give.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) return;
    slave_ = open(ptsname(master_), O_RDWR | O_NOCTTY);
    const winsize size{24, columns, 0, 0};
    if (slave_ >= 0) ioctl(slave_, TIOCSWINSZ, &size);
    fcntl(master_, F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    if (slave_ >= 0) close(slave_);
    if (master_ >= 0) close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int file() const { return slave_; }
  std::string seen() const {
    std::string text;
    char buffer[4096];
    for (ssize_t size; (size = read(master_, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(size));
    return text;
  }

 private:
  int master_, slave_ = -1;
};

/// Standard error goes to `file` while this lives.
class StandardError {
 public:
  explicit StandardError(int file) : kept_(dup(STDERR_FILENO)) { dup2(file, STDERR_FILENO); }
  ~StandardError() {
    dup2(kept_, STDERR_FILENO);
    close(kept_);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

 private:
  int kept_;
};

class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

TEST(Terminal, DisplayWidthCountsColumns) {
  EXPECT_EQ(display_width(""), 0);
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("臺北"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);  // a combining accent takes none
  EXPECT_EQ(display_width("😀"), 2);
  EXPECT_EQ(display_width("\xff\xfe"), 2);
}

TEST(Terminal, CutToWidthNeverSplitsACharacter) {
  EXPECT_EQ(cut_to_width("臺北市", 5), "臺北");
  EXPECT_EQ(cut_to_width("abc", 3), "abc");
  EXPECT_EQ(cut_to_width("abc", 0), "");
  EXPECT_EQ(cut_to_width("e\u0301x", 1), "e\u0301");
}

TEST(Terminal, WidthComesFromTheTerminalThenColumnsThen80) {
  const int null = open("/dev/null", O_WRONLY);
  {
    const Environment columns("COLUMNS", "57");
    EXPECT_EQ(terminal_width(null), 57);
  }
  for (const char* bad : {"0", "-3", "wide"}) {
    const Environment columns("COLUMNS", bad);
    EXPECT_EQ(terminal_width(null), 80);
  }
  close(null);
  const Terminal terminal(43);
  if (terminal.file() < 0) GTEST_SKIP() << "no pseudo-terminal to be had";
  EXPECT_EQ(terminal_width(terminal.file()), 43);
}

TEST(Terminal, ColourOnlyOnTerminalsThatWantIt) {
  const Environment term("TERM", "xterm");
  const Environment none("NO_COLOR", nullptr);
  const int null = open("/dev/null", O_WRONLY);
  EXPECT_FALSE(has_colour(null));
  close(null);
  const Terminal terminal(80);
  if (terminal.file() < 0) GTEST_SKIP() << "no pseudo-terminal to be had";
  EXPECT_TRUE(is_terminal(terminal.file()));
  EXPECT_TRUE(has_colour(terminal.file()));
  {
    const Environment empty("NO_COLOR", "");
    EXPECT_TRUE(has_colour(terminal.file()));
  }
  {
    const Environment set("NO_COLOR", "1");
    EXPECT_FALSE(has_colour(terminal.file()));
  }
  const Environment dumb("TERM", "dumb");
  EXPECT_FALSE(has_colour(terminal.file()));
}

void work(ProgressLine& line) {
  line.begin("training", 3000);
  for (int i = 1; i <= 3000; ++i) line.update(i, "loss 0.5\nx");
  line.note("a note");
  line.end();
}

TEST(ProgressLine, PipedIsPlainLinesAndFew) {
  const test::Scratch folder;
  const auto file = folder.folder() / "out";
  const int out = open(file.c_str(), O_WRONLY | O_CREAT, 0600);
  {
    const StandardError redirected(out);
    ProgressLine line(/*quiet=*/false);
    work(line);
  }
  close(out);
  const std::string text = test::bytes_of(file);
  EXPECT_THAT(text, StartsWith("a note\ntraining  3,000/3,000  loss 0.5 x  in 0."));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(ProgressLine, QuietSaysNothing) {
  const test::Scratch folder;
  const auto file = folder.folder() / "out";
  const int out = open(file.c_str(), O_WRONLY | O_CREAT, 0600);
  {
    const StandardError redirected(out);
    ProgressLine line(/*quiet=*/true);
    work(line);
  }
  close(out);
  EXPECT_EQ(test::bytes_of(file), "");
}

TEST(ProgressLine, OnATerminalItRewritesOneLineAtMostTenTimesASecond) {
  const Terminal terminal(40);
  if (terminal.file() < 0) GTEST_SKIP() << "no pseudo-terminal to be had";
  std::string text;
  {
    const StandardError redirected(terminal.file());
    ProgressLine line(/*quiet=*/false);
    line.begin("臺北", 100);
    for (int i = 1; i <= 35; ++i) {
      line.update(i, "loss 0.123 and more that does not fit into the line");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      text += terminal.seen();
    }
    line.note("a note");
    line.end();
  }
  text += terminal.seen();
  const std::string clear = "\r\x1b[K";
  size_t shown = 0;
  for (size_t at = 0; (at = text.find(clear, at)) != std::string::npos; at += clear.size()) {
    ++shown;
    const size_t begin = at + clear.size(), end = std::min(text.find('\r', begin), text.size());
    EXPECT_LT(display_width(text.substr(begin, end - begin)), 40) << text.substr(begin, end - begin);
  }
  EXPECT_GE(shown, 4u);
  EXPECT_THAT(text, HasSubstr("left"));
  EXPECT_THAT(text, HasSubstr(clear + "a note\r\n"));
  EXPECT_THAT(text, HasSubstr(clear + "臺北  35/100"));
  EXPECT_EQ(text.substr(text.size() - 2), "\r\n");
}

}  // namespace
}  // namespace peftlab::report
