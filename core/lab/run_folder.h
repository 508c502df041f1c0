// The folder of a run: found by what the run is, locked while it is worked on.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/io/json.h"
#include "core/io/lock_file.h"

namespace peftlab::lab {

class RunFolder {
 public:
  /// Makes the folder and locks it. `identity` is the hash of what the run is. Throws RunError when it cannot be written or
  /// another process works in it, ConfigError when it holds another run.
  RunFolder(std::filesystem::path path, const std::string& identity);

  const std::filesystem::path& path() const { return path_; }
  /// The record of an earlier start, if there is one.
  const std::optional<io::Json>& earlier() const { return earlier_; }
  /// Replaces run.json as a whole.
  void write_record(const io::Json& record) const;

  /// runs/<name>/seed<seed>-<first 8 of identity> in the working folder.
  static std::filesystem::path default_path(const std::string& name, int64_t seed, const std::string& identity);

 private:
  std::filesystem::path path_;
  std::unique_ptr<io::LockFile> lock_;
  std::optional<io::Json> earlier_;
};

/// run.json of a finished or unfinished run. Throws ConfigError when it is missing or broken.
io::Json read_record(const std::filesystem::path& folder);

}  // namespace peftlab::lab
