// Tables in plain text.
#pragma once

#include <string>
#include <vector>

namespace peftlab::report {

/// A heading names its unit ("time, s"). Columns whose cells are all numbers stand to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  /// REQUIRES: as many cells as there are headings.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  /// The lines, none wider than `columns` as long as cutting texts (with "…") can make it so; numbers are never cut.
  std::string text(int columns) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace peftlab::report
