#include "core/cli/help_format.h"

#include <sstream>

namespace peftlab::cli {
namespace {

constexpr size_t kWidth = 80;

/// Breaks at spaces so that no line is longer than `width` bytes; `join` goes between lines.
std::string wrapped(const std::string& text, size_t width, const std::string& join) {
  std::istringstream words(text);
  std::string result, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      result += line + join;
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return result + line;
}

class HelpFormat final : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override { return in_column(option->get_description()); }

  std::string make_description(const CLI::App* app) const override { return wrapped(app->get_description(), kWidth, "\n") + "\n"; }

  std::string make_subcommand(const CLI::App* verb) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, verb->get_display_name(true), in_column(verb->get_description()), column_width_);
    return out.str();
  }

  std::string make_footer(const CLI::App* app) const override {
    std::istringstream lines(app->get_footer());
    std::string result;
    for (std::string line; std::getline(lines, line);) {
      const std::string indent(std::min(line.find_first_not_of(' '), line.size()), ' ');
      const bool fits = line.size() <= kWidth;
      result += (fits ? line : indent + wrapped(line, kWidth - indent.size() - 4, " \\\n" + indent + "  ")) + "\n";
    }
    return result;
  }

 private:
  std::string in_column(const std::string& text) const { return wrapped(text, kWidth - column_width_, "\n"); }
};

}  // namespace

std::shared_ptr<CLI::Formatter> help_format() { return std::make_shared<HelpFormat>(); }

}  // namespace peftlab::cli
