// Text beside a heading, within 80 columns.
#pragma once

#include <string>
#include <vector>

namespace peftlab::cli {

inline constexpr int kColumns = 80;

/// Prints `head`, then `text` from `column` on, going on below itself word by word; it begins below a head that would
/// touch it.
void print_column(const std::string& head, int column, const std::string& text);

/// "a, b, c"
std::string joined(const std::vector<std::string>& words);

}  // namespace peftlab::cli
