// The regular expressions of tokenizer files: Oniguruma's syntax (Ruby), run by PCRE2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer/aligned.h"

namespace peftlab::text {

/// Immutable; may be used by several threads.
class Regex {
 public:
  /// `where` (file and component) begins every message. Throws ConfigError for an expression that PCRE2 refuses, and
  /// for whatever the two syntaxes read differently and is not translated: nested or intersected sets, \b, (?m: and so
  /// on.
  Regex(const std::string& pattern, std::string where);

  /// Fills `found` with the matches from left to right; an empty match is not taken where the last one ended. Throws
  /// ConfigError when the search takes too many steps. REQUIRES: `subject` is valid UTF-8.
  void find_all(std::string_view subject, std::vector<Range>& found) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

/// A regular expression, or a string taken literally.
class Pattern {
 public:
  static Pattern regex(const std::string& pattern, std::string where);
  static Pattern literal(std::string text);

  /// As Regex::find_all. An empty literal matches nowhere.
  void find_all(std::string_view subject, std::vector<Range>& found) const;

 private:
  std::optional<Regex> regex_;
  std::string literal_;
};

/// The expression in PCRE2's syntax. Throws ConfigError as Regex does. Written out for tests.
std::string to_pcre2(const std::string& pattern, const std::string& where);

}  // namespace peftlab::text
