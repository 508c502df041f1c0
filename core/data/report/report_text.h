// Plain text that keeps within the width of a terminal, wide characters included.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace peftlab::data {

/// 1234567 as "1,234,567".
std::string grouped(int64_t number);

/// Padded with spaces to `columns`; a text that is wider stays as it is.
std::string left(std::string_view text, int columns);
std::string right(std::string_view text, int columns);

/// Writes text piece by piece, going to an indented new line wherever the width is reached. Colour escapes go through `raw`, which
/// counts no columns.
class WrappedText {
 public:
  WrappedText(std::ostream& out, int width, int indent);
  /// Ends the line if one is begun.
  ~WrappedText();
  WrappedText(const WrappedText&) = delete;
  WrappedText& operator=(const WrappedText&) = delete;

  /// May break between any two characters.
  void text(std::string_view text);
  /// Breaks before the word rather than inside it.
  void word(std::string_view word);
  void raw(std::string_view escape) { out_ << escape; }
  void new_line();

 private:
  void reserve(int columns);
  std::ostream& out_;
  int width_, indent_, column_ = 0;
};

}  // namespace peftlab::data
