// SQLite, as far as an index needs it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace peftlab::study {

class Database {
 public:
  /// Opens or makes the file. Throws RunError.
  explicit Database(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Throws RunError with SQLite's own words.
  void run(const std::string& sql);

 private:
  friend class Statement;
  [[noreturn]] void fail();

  std::string name_;
  sqlite3* handle_ = nullptr;
};

/// One statement, used again and again. REQUIRES: the database lives as long.
class Statement {
 public:
  Statement(Database& database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Values of the places "?" in order, from 1. Nothing is SQL's NULL.
  void bind(int place, const std::string& text);
  void bind(int place, std::optional<int64_t> number);
  void bind(int place, std::optional<double> number);

  /// Goes to the next row; false behind the last, when the statement is ready to be bound again. Throws RunError.
  bool next();
  std::string text(int column) const;
  int64_t integer(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

}  // namespace peftlab::study
