// metrics.jsonl: one JSON object a line, readable after a crash.
#pragma once

#include <filesystem>
#include <optional>

#include "core/io/files.h"
#include "core/io/json.h"

namespace peftlab::report {

class MetricsLog {
 public:
  /// Opens or makes the file. Throws RunError when the disk refuses.
  explicit MetricsLog(std::filesystem::path path);

  /// Leaves out, atomically, every line whose "step" is greater than `step`, and a torn last line: what a resumed run writes
  /// again must not stand twice. To be called before the first append.
  void forget_after(int64_t step);

  /// Appends one line and hands it to the system.
  void append(const io::Json& line);

 private:
  std::filesystem::path path_;
  std::optional<io::AppendFile> file_;
};

}  // namespace peftlab::report
