// CSV as RFC 4180 has it: quotes, line ends inside quotes, CRLF or LF, a byte-order mark. Nothing is guessed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peftlab::data {

struct CsvRow {
  int64_t line = 0;  // where the row begins, from 1
  std::vector<std::string> fields;
};

struct CsvTable {
  std::vector<std::string> header;
  std::vector<CsvRow> skipped;  // description rows before the header and behind it
  std::vector<CsvRow> rows;     // as many fields each as the header has
};

struct CsvOptions {
  char delimiter = ',';
  std::vector<std::string> find_header;  // not empty: the header is the first row that holds all of these
  int64_t skip_rows = 0;                 // description rows behind the header
};

/// `name` is the file's, for messages. Empty lines are passed over. Throws ConfigError, up to 20 mistakes at once, for bytes that
/// are not UTF-8 (line and byte), a row with more or fewer fields than the header, a stray or unclosed quote, a carriage return
/// on its own, two columns of one name, no header.
CsvTable read_csv(std::string_view text, const std::string& name, const CsvOptions& options = {});

}  // namespace peftlab::data
