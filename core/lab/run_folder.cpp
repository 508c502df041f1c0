#include "core/lab/run_folder.h"

#include "core/io/files.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw RunError(path.string() + ": cannot make the run's folder: " + error.message() + "; give another with --out");
}

}  // namespace

RunFolder::RunFolder(fs::path path, const std::string& identity) : path_(std::move(path)) {
  make_folder(path_);
  lock_ = std::make_unique<io::LockFile>(path_ / "lock");
  io::remove_leftovers(path_);
  if (!fs::exists(path_ / "run.json")) return;
  earlier_ = read_record(path_);
  const std::string theirs = earlier_->value("identity", "");
  if (theirs != identity) {
    throw ConfigError(path_.string() + ": holds another run (" + theirs.substr(0, 8) + ", this one is " + identity.substr(0, 8) +
                      "); give another --out folder");
  }
}

void RunFolder::write_record(const io::Json& record) const { io::write_file(path_ / "run.json", record.dump(2) + "\n"); }

fs::path RunFolder::default_path(const std::string& name, int64_t seed, const std::string& identity) {
  return fs::current_path() / "runs" / name / ("seed" + std::to_string(seed) + "-" + identity.substr(0, 8));
}

io::Json read_record(const fs::path& folder) {
  const fs::path file = folder / "run.json";
  if (!fs::exists(file)) throw ConfigError(folder.string() + ": not a run; expected a folder with run.json");
  return io::read_json(file).value;
}

}  // namespace peftlab::lab
