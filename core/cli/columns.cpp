#include "core/cli/columns.h"

#include <iostream>
#include <sstream>

#include "core/data/records/characters.h"
#include "core/data/report/report_text.h"

namespace peftlab::cli {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void print_column(const std::string& head, int column, const std::string& text) {
  const int width = data::display_width(head);
  const bool touches = width > column || (width == column && !head.ends_with(' '));
  std::cout << (touches ? head + "\n" + std::string(static_cast<size_t>(column), ' ') : data::left(head, column));
  size_t used = 0;
  const size_t room = static_cast<size_t>(kColumns - column);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (used > 0 && used + 1 + word.size() > room) {
      std::cout << "\n" << std::string(static_cast<size_t>(column), ' ');
      used = 0;
    }
    std::cout << (used > 0 ? " " : "") << word;
    used += word.size() + (used > 0 ? 1 : 0);
  }
  std::cout << "\n";
}

}  // namespace peftlab::cli
