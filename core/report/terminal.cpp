#include "core/report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace peftlab::report {

namespace {

constexpr int kDefaultWidth = 80;

/// The character at `at` and its columns; a byte that is not UTF-8 counts as one character of one column.
struct Character {
  size_t bytes;
  int columns;
};

Character character(std::string_view text, size_t at) {
  utf8proc_int32_t point = 0;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                     static_cast<utf8proc_ssize_t>(text.size() - at), &point);
  if (used <= 0) return {1, 1};
  return {static_cast<size_t>(used), utf8proc_charwidth(point)};
}

}  // namespace

bool is_terminal(int file) { return isatty(file) == 1; }

int terminal_width(int file) {
  winsize size{};
  if (ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int given = columns ? std::atoi(columns) : 0;
  return given > 0 ? given : kDefaultWidth;
}

bool has_colour(int file) {
  const char* no_colour = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  const char* terminal = std::getenv("TERM");
  return is_terminal(file) && !(no_colour && *no_colour) && !(terminal && std::strcmp(terminal, "dumb") == 0);
}

int display_width(std::string_view text) {
  int columns = 0;
  for (size_t at = 0; at < text.size();) {
    const Character next = character(text, at);
    columns += next.columns;
    at += next.bytes;
  }
  return columns;
}

std::string cut_to_width(std::string_view text, int columns) {
  size_t at = 0;
  for (int used = 0; at < text.size();) {
    const Character next = character(text, at);
    used += next.columns;
    if (used > columns) break;
    at += next.bytes;
  }
  return std::string(text.substr(0, at));
}

}  // namespace peftlab::report
