#include "core/study/database.h"

#include <cmath>

#include "peftlab/error.h"

namespace peftlab::study {

Database::Database(const std::filesystem::path& file) : name_(file.string()) {
  constexpr int kPatienceMilliseconds = 30000;  // with another process that writes
  if (sqlite3_open(name_.c_str(), &handle_) == SQLITE_OK) {
    sqlite3_busy_timeout(handle_, kPatienceMilliseconds);
    return;
  }
  const std::string words = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
  sqlite3_close(handle_);
  throw RunError(name_ + ": cannot open the index: " + words);
}

Database::~Database() { sqlite3_close(handle_); }

void Database::run(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

void Database::fail() { throw RunError(name_ + ": " + sqlite3_errmsg(handle_)); }

Statement::Statement(Database& database, const std::string& sql) : database_(database) {
  if (sqlite3_prepare_v2(database.handle_, sql.c_str(), -1, &handle_, nullptr) != SQLITE_OK) database.fail();
}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::bind(int place, const std::string& text) {
  if (sqlite3_bind_text(handle_, place, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT) != SQLITE_OK)
    database_.fail();
}

void Statement::bind(int place, std::optional<int64_t> number) {
  const int result = number ? sqlite3_bind_int64(handle_, place, *number) : sqlite3_bind_null(handle_, place);
  if (result != SQLITE_OK) database_.fail();
}

void Statement::bind(int place, std::optional<double> number) {
  const bool known = number && std::isfinite(*number);
  if ((known ? sqlite3_bind_double(handle_, place, *number) : sqlite3_bind_null(handle_, place)) != SQLITE_OK)
    database_.fail();
}

bool Statement::next() {
  const int result = sqlite3_step(handle_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) database_.fail();
  sqlite3_reset(handle_);
  return false;
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return bytes == nullptr ? "" : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(handle_, column)));
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

}  // namespace peftlab::study
