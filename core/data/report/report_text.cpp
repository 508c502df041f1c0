#include "core/data/report/report_text.h"

#include "core/data/records/characters.h"

namespace peftlab::data {

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string left(std::string_view text, int columns) {
  const int missing = columns - display_width(text);
  return std::string(text) + std::string(static_cast<size_t>(missing > 0 ? missing : 0), ' ');
}

std::string right(std::string_view text, int columns) {
  const int missing = columns - display_width(text);
  return std::string(static_cast<size_t>(missing > 0 ? missing : 0), ' ') + std::string(text);
}

WrappedText::WrappedText(std::ostream& out, int width, int indent) : out_(out), width_(width), indent_(indent) {}

WrappedText::~WrappedText() {
  if (column_ > 0) out_ << '\n';
}

void WrappedText::reserve(int columns) {
  if (column_ > indent_ && column_ + columns > width_) new_line();
  if (column_ == 0) {
    out_ << std::string(static_cast<size_t>(indent_), ' ');
    column_ = indent_;
  }
}

void WrappedText::text(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    next_character(text, at);
    const std::string_view character = text.substr(begin, at - begin);
    const int columns = display_width(character);
    reserve(columns);
    out_ << character;
    column_ += columns;
  }
}

void WrappedText::word(std::string_view word) {
  const int columns = display_width(word);
  reserve(columns);
  out_ << word;
  column_ += columns;
}

void WrappedText::new_line() {
  out_ << '\n';
  column_ = 0;
}

}  // namespace peftlab::data
