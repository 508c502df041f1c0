#include "core/data/records/csv.h"

#include <algorithm>
#include <set>

#include "core/io/json.h"
#include "core/io/utf8.h"

namespace peftlab::data {
namespace {

constexpr size_t kShownMistakes = 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string place(const std::string& name, int64_t line) { return name + ":" + std::to_string(line); }

/// Splits text into rows; throws at the first thing that makes all that follows doubtful.
class Scanner {
 public:
  Scanner(std::string_view text, const std::string& name, char delimiter)
      : text_(text), name_(name), delimiter_(delimiter) {}

  bool next(CsvRow& row) {
    while (at_ < text_.size() && at_line_end()) take_line_end();
    if (at_ >= text_.size()) return false;
    row = CsvRow{line_, {}};
    while (true) {
      row.fields.push_back(text_.substr(at_, 1) == "\"" ? quoted() : plain());
      if (at_ >= text_.size()) return true;
      if (text_[at_] != delimiter_) break;
      ++at_;
    }
    take_line_end();
    return true;
  }

 private:
  bool at_line_end() const { return text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"; }

  void take_line_end() {
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }

  std::string plain() {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != delimiter_ && !at_line_end()) {
      if (text_[at_] == '"') fail("a quote inside a field that does not begin with one; write the field as \"…\" and the quote twice");
      if (text_[at_] == '\r') fail("a carriage return without a line feed; save the file with line ends LF or CRLF");
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    const int64_t opened = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        field += text_[at_];
      } else if (text_.substr(at_ + 1, 1) == "\"") {
        field += '"';
        ++at_;
      } else {
        ++at_;
        if (at_ < text_.size() && text_[at_] != delimiter_ && !at_line_end()) {
          fail("text behind a closing quote; a quote inside a quoted field is written twice");
        }
        return field;
      }
    }
    throw ConfigError(place(name_, opened) + ": the quote opened here is never closed");
  }

  [[noreturn]] void fail(const std::string& message) const { throw ConfigError(place(name_, line_) + ": " + message); }

  std::string_view text_;
  const std::string& name_;
  char delimiter_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

/// Every line that holds bytes that are not UTF-8, with the byte.
void check_utf8(std::string_view text, const std::string& name) {
  if (io::is_utf8(text)) return;
  io::Mistakes mistakes;
  int64_t line = 1;
  for (size_t begin = 0; begin < text.size() && mistakes.lines().size() < kShownMistakes; ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const size_t bad = io::first_invalid_utf8(text.substr(begin, end - begin));
    if (bad != std::string_view::npos) {
      mistakes.add(place(name, line), "", "byte " + std::to_string(bad + 1) + " of the line (byte " +
                                              std::to_string(begin + bad + 1) + " of the file) is not UTF-8; save the file as UTF-8");
    }
    begin = end + 1;
  }
  mistakes.throw_if_any();
}

bool holds_all(const std::vector<std::string>& row, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const std::string& column) { return std::find(row.begin(), row.end(), column) != row.end(); });
}

std::string joined(const std::vector<std::string>& words) {
  std::string result;
  for (const std::string& word : words) result += (result.empty() ? "'" : ", '") + word + "'";
  return result;
}

void take_header(Scanner& scanner, const std::string& name, const CsvOptions& options, CsvTable& table) {
  CsvRow row;
  while (scanner.next(row)) {
    if (holds_all(row.fields, options.find_header)) {
      table.header = row.fields;
      std::set<std::string> seen;
      for (const std::string& column : table.header) {
        if (!seen.insert(column).second) throw ConfigError(place(name, row.line) + ": two columns are called '" + column + "'");
      }
      return;
    }
    table.skipped.push_back(std::move(row));
  }
  if (options.find_header.empty()) throw ConfigError(name + ": no header, the file is empty; the first row names the columns");
  throw ConfigError(name + ": no header: no row holds all of the columns " + joined(options.find_header));
}

}  // namespace

CsvTable read_csv(std::string_view text, const std::string& name, const CsvOptions& options) {
  check_utf8(text, name);
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
  Scanner scanner(text, name, options.delimiter);
  CsvTable table;
  take_header(scanner, name, options, table);
  io::Mistakes mistakes;
  int64_t to_skip = options.skip_rows;
  for (CsvRow row; scanner.next(row);) {
    if (to_skip > 0) {
      --to_skip;
      table.skipped.push_back(std::move(row));
    } else if (row.fields.size() != table.header.size()) {
      mistakes.add(place(name, row.line), "", std::to_string(row.fields.size()) + " fields, expected " +
                                                  std::to_string(table.header.size()) + " as in the header (" +
                                                  joined(table.header) + ")");
      if (mistakes.lines().size() == kShownMistakes) break;
    } else {
      table.rows.push_back(std::move(row));
    }
  }
  mistakes.throw_if_any();
  return table;
}

}  // namespace peftlab::data
