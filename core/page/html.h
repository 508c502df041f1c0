// Markup that is safe by its type: what comes from elsewhere gets in as text alone.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peftlab::page {

/// Text as a reader may see it: UTF-8 with whatever is not well formed, or steers how others are shown (control
/// characters, marks of writing direction), as U+FFFD. Tab and new line stay.
std::string printable(std::string_view text);

class Html {
 public:
  Html() = default;

  /// Shown letter by letter, whatever it holds.
  static Html text(std::string_view text);
  /// Markup written in the program: nothing but a literal can be given.
  struct Literal {
    template <size_t size>
    consteval Literal(const char (&markup)[size]) : markup(markup, size - 1) {}
    std::string_view markup;
  };
  static Html literal(Literal literal) { return Html(std::string(literal.markup)); }

  Html& operator+=(const Html& other) {
    markup_ += other.markup_;
    return *this;
  }
  friend Html operator+(Html a, const Html& b) { return a += b; }

  bool empty() const { return markup_.empty(); }
  const std::string& markup() const { return markup_; }

 private:
  friend Html element(const char*, const std::vector<std::pair<const char*, std::string>>&, const Html&);
  friend Html single(const char*, const std::vector<std::pair<const char*, std::string>>&);
  explicit Html(std::string markup) : markup_(std::move(markup)) {}

  std::string markup_;
};

/// Names are literals, values any text.
using Attributes = std::vector<std::pair<const char*, std::string>>;

Html element(const char* tag, const Attributes& attributes, const Html& inner);
Html element(const char* tag, const Attributes& attributes, std::string_view text);
Html element(const char* tag, const Html& inner);
Html element(const char* tag, std::string_view text);
/// An element without an end of its own: of SVG, or <meta>.
Html single(const char* tag, const Attributes& attributes);

}  // namespace peftlab::page
