#include "core/study/index.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>

#include "core/compare/json_access.h"
#include "core/compare/record.h"
#include "core/study/database.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;

constexpr int kIndexVersion = 1;
constexpr const char* kColumns =
    "folder TEXT PRIMARY KEY, bytes INTEGER, modified_ns INTEGER, name TEXT, method TEXT, seed INTEGER, status TEXT, "
    "started TEXT, identity TEXT, split TEXT, score REAL, num_items INTEGER, num_trainable INTEGER, training_seconds "
    "REAL, "
    "problem TEXT";

/// How a file is recognised without being read.
struct Stamp {
  int64_t bytes = 0;
  int64_t modified_ns = 0;
  bool operator==(const Stamp&) const = default;
};

std::optional<Stamp> stamp_of(const fs::path& file) {
  struct stat status;
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return Stamp{status.st_size, status.st_mtim.tv_sec * int64_t{1000000000} + status.st_mtim.tv_nsec};
}

/// Folders with run.json below `folder`, as the index names them. A run holds no other run; links are not followed.
void find_folders(const fs::path& folder, const fs::path& root, std::map<std::string, Stamp>& found) {
  if (const auto stamp = stamp_of(folder / "run.json")) {
    found[folder.lexically_relative(root).string()] = *stamp;
    return;
  }
  std::error_code error;
  for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (it->is_directory(unknown) && !it->is_symlink(unknown)) find_folders(it->path(), root, found);
  }
}

/// Opened, of this version and whole; why not, otherwise.
std::unique_ptr<Database> open_whole(const fs::path& file, std::string& why_not) {
  try {
    auto database = std::make_unique<Database>(file);
    Statement check(*database, "PRAGMA quick_check");
    if (!check.next() || check.text(0) != "ok") why_not = "it was damaged";
    Statement version(*database, "PRAGMA user_version");
    const bool current = version.next() && version.integer(0) == kIndexVersion;
    if (why_not.empty() && !current) why_not = "it was of another version";
    if (why_not.empty()) return database;
  } catch (const RunError&) {
    why_not = "it was damaged";
  }
  return nullptr;
}

std::unique_ptr<Database> open_index(const fs::path& file, bool anew, std::string& rebuilt) {
  if (fs::exists(file)) {
    if (!fs::is_regular_file(file)) {
      throw ConfigError(file.string() + ": is no regular file, and the index is kept there; move it away");
    }
    if (anew) {
      rebuilt = "as asked";
    } else if (auto database = open_whole(file, rebuilt)) {
      return database;
    }
    for (const char* ending : {"", "-journal", "-wal", "-shm"}) fs::remove(file.string() + ending);
  }
  auto database = std::make_unique<Database>(file);
  database->run("CREATE TABLE runs(" + std::string(kColumns) + ")");
  database->run("PRAGMA user_version = " + std::to_string(kIndexVersion));
  return database;
}

class Indexer {
 public:
  Indexer(const fs::path& root, Database& database, IndexReport& report)
      : root_(root),
        database_(database),
        report_(report),
        insert_(database, "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") {}

  void run() {
    std::map<std::string, Stamp> found;
    find_folders(root_, root_, found);
    const auto known = known_runs();
    database_.run("BEGIN");
    for (const auto& [folder, stamp] : found) {
      const auto before = known.find(folder);
      if (before != known.end() && before->second == stamp) {
        ++report_.num_unchanged;
        continue;
      }
      (before == known.end() ? report_.added : report_.changed).push_back(folder);
      put(folder, stamp);
    }
    Statement remove(database_, "DELETE FROM runs WHERE folder = ?");
    for (const auto& [folder, stamp] : known) {
      if (found.contains(folder)) continue;
      report_.removed.push_back(folder);
      remove.bind(1, folder);
      remove.next();
    }
    database_.run("COMMIT");
    report_.num_runs = found.size();
    tell_problems();
  }

 private:
  std::map<std::string, Stamp> known_runs() {
    std::map<std::string, Stamp> known;
    Statement all(database_, "SELECT folder, bytes, modified_ns FROM runs");
    while (all.next()) known[all.text(0)] = {all.integer(1), all.integer(2)};
    return known;
  }

  void put(const std::string& folder, const Stamp& stamp) {
    const auto run = compare::read_run(root_ / folder);
    const auto score = run.splits.contains("test") ? run.splits.find("test") : run.splits.begin();
    const bool scored = score != run.splits.end();
    int place = 0;
    insert_.bind(++place, folder);
    insert_.bind(++place, std::optional(stamp.bytes));
    insert_.bind(++place, std::optional(stamp.modified_ns));
    insert_.bind(++place, run.name);
    insert_.bind(++place, run.method);
    insert_.bind(++place, run.seed);
    insert_.bind(++place, status_of(run));
    insert_.bind(++place, run.started);
    insert_.bind(++place, run.identity);
    insert_.bind(++place, scored ? score->first : std::string());
    insert_.bind(++place, scored ? std::optional(score->second.mean) : std::nullopt);
    insert_.bind(++place, scored ? std::optional(score->second.num_items) : std::nullopt);
    insert_.bind(++place, run.costs.num_trainable);
    insert_.bind(++place, run.costs.training_seconds);
    insert_.bind(++place, run.problem);
    insert_.next();
  }

  static std::string status_of(const compare::Run& run) {
    if (run.problem.empty()) return "finished";
    if (run.problem.starts_with("failed")) return "failed";
    return run.must_agree.empty() ? "damaged" : "unfinished";
  }

  void tell_problems() {
    Statement damaged(database_, "SELECT folder, problem FROM runs WHERE status = 'damaged' ORDER BY folder");
    while (damaged.next()) report_.damaged.push_back(damaged.text(0) + ": " + damaged.text(1));
    Statement repeated(
        database_,
        "SELECT a.folder, min(b.folder) FROM runs a JOIN runs b ON a.identity = b.identity AND a.name = b.name "
        "AND b.folder < a.folder WHERE a.identity <> '' GROUP BY a.folder ORDER BY a.folder");
    while (repeated.next()) report_.repeated.push_back(repeated.text(0) + ": the same run as " + repeated.text(1));
  }

  const fs::path& root_;
  Database& database_;
  IndexReport& report_;
  Statement insert_;
};

}  // namespace

IndexReport update_index(const fs::path& folder, bool anew) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw ConfigError(folder.string() + ": no such folder; expected one that holds runs");
  IndexReport report;
  report.file = folder / ".index.sqlite";
  const auto database = open_index(report.file, anew, report.rebuilt);
  Indexer(folder, *database, report).run();
  return report;
}

}  // namespace peftlab::study
