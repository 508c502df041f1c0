#include "core/study/execute.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "core/lab/machine.h"
#include "core/report/human.h"
#include "core/study/live_view.h"
#include "core/study/processes.h"
#include "core/study/progress.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kKeptLines = 8;  // of standard error, for the reason
constexpr int kInterruptedStatus = 75;
const std::string kErrorMark = "peftlab: ";

std::string title_of(const PlannedRun& run) { return run.name + ", seed " + std::to_string(run.seed); }

Process process_of(const PlannedRun& run, const ExecuteOptions& options) {
  const fs::path program = options.program.empty() ? fs::read_symlink("/proc/self/exe") : options.program;
  Process process;
  process.words = {
      program.string(), "run", run.file.string(), "--seed", std::to_string(run.seed), "--out", run.folder.string(),
      "--progress",     "json"};
  for (const auto& text : run.overrides) {
    process.words.push_back("--set");
    process.words.push_back(text);
  }
  process.environment = {std::string(lab::kRunsAtOnce) + "=" + std::to_string(options.at_once)};
  if (const int64_t threads = threads_each(options.at_once); threads > 0) {
    for (const char* name : {"PEFTLAB_THREADS=", "OMP_NUM_THREADS="})
      process.environment.push_back(name + std::to_string(threads));
  }
  return process;
}

/// The test score of a finished run, for its last line.
std::string result_of(const fs::path& folder) {
  try {
    const auto record = io::read_json(folder / "run.json").value;
    std::string text;
    for (const auto& [split, score] : record.at("results").at("tuned").items()) {
      if (score.is_object()) text += "  " + report::human_percent(score.at("accuracy").get<double>()) + " on " + split;
    }
    return text;
  } catch (const std::exception&) {
    return "";
  }
}

/// Follows the processes and keeps the runs' states.
class Follower final : public ProcessWatcher {
 public:
  Follower(std::vector<PlannedRun*> runs, const ExecuteOptions& options)
      : runs_(std::move(runs)), at_once_(options.at_once), followed_(runs_.size()), view_(options.quiet) {}

  void started(size_t index) override {
    followed_[index].begun = Clock::now();
    followed_[index].works = true;
    const bool again = runs_[index]->state != RunState::missing;
    view_.note(title_of(*runs_[index]) + (again ? ": goes on" : ": starts"));
  }

  void line(size_t index, const std::string& text) override {
    auto& run = followed_[index];
    if (run.progress.take(text)) return;
    run.last_lines.push_back(text);
    if (run.last_lines.size() > kKeptLines) run.last_lines.pop_front();
  }

  void ended(size_t index, const Ending& ending) override {
    followed_[index].works = false;
    auto& run = *runs_[index];
    look_at(run);
    if (run.state != RunState::finished && run.state != RunState::running) settle(index, ending);
    const double seconds = std::chrono::duration<double>(Clock::now() - followed_[index].begun).count();
    if (run.state == RunState::finished) {
      ++num_finished_;
      seconds_finished_ += seconds;
    }
    ++num_ended_;
    const std::string details = run.state == RunState::finished
                                    ? result_of(run.folder) + "  in " + report::human_seconds(seconds)
                                : run.state == RunState::failed ? ": " + run.reason
                                                                : "";
    view_.note(title_of(run) + ": " + name_of(run.state) + details);
  }

  void refused(size_t index, const std::string& reason) override {
    ++num_ended_;
    fail(index, reason);
    view_.note(title_of(*runs_[index]) + ": failed: " + reason);
  }

  void tick() override {
    std::vector<std::string> lines;
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (followed_[i].works) lines.push_back(title_of(*runs_[i]) + "  " + followed_[i].progress.text());
    }
    view_.show(lines, summary());
  }

 private:
  struct Followed {
    Progress progress;
    std::deque<std::string> last_lines;
    Clock::time_point begun{};
    bool works = false;
  };

  /// What a run that did not finish has come to. Its own last words count, for run.json may hold an earlier reason.
  void settle(size_t index, const Ending& ending) {
    auto& run = *runs_[index];
    if (ending.signal == 0 && ending.status == kInterruptedStatus) {
      run.state = RunState::interrupted;
    } else {
      fail(index, reason_of(index, ending));
    }
  }

  /// The lines that the program calls an error, or its last one.
  std::string reason_of(size_t index, const Ending& ending) const {
    const auto& lines = followed_[index].last_lines;
    std::string text;
    auto from =
        std::find_if(lines.begin(), lines.end(), [](const std::string& line) { return line.starts_with(kErrorMark); });
    if (from == lines.end() && !lines.empty()) from = lines.end() - 1;
    for (; from != lines.end(); ++from) {
      text += (text.empty() ? "" : "; ") + (from->starts_with(kErrorMark) ? from->substr(kErrorMark.size()) : *from);
    }
    if (ending.signal == 0) return text.empty() ? described(ending) : text;
    return described(ending) + (text.empty() ? "" : "; its last words: " + text);
  }

  void fail(size_t index, const std::string& reason) {
    auto& run = *runs_[index];
    try {
      record_failure(run, reason);
    } catch (const std::exception& error) {
      view_.note(title_of(run) + ": the failure could not be recorded: " + error.what());
    }
    run.state = RunState::failed;
    run.reason = reason;
  }

  std::string summary() const {
    std::string text = std::to_string(num_ended_) + " of " + std::to_string(runs_.size()) + " ended";
    if (num_finished_ == 0) return text;
    const double each = seconds_finished_ / static_cast<double>(num_finished_);
    const double left = each * static_cast<double>(runs_.size() - num_ended_) / static_cast<double>(at_once_);
    return text + ", about " + report::human_seconds(left) + " left";
  }

  std::vector<PlannedRun*> runs_;
  int64_t at_once_;
  std::vector<Followed> followed_;
  LiveView view_;
  size_t num_ended_ = 0, num_finished_ = 0;
  double seconds_finished_ = 0.0;
};

}  // namespace

int64_t threads_each(int64_t at_once) {
  return at_once == 1 ? 0 : std::max<int64_t>(1, at::get_num_threads() / at_once);
}

void execute(std::vector<PlannedRun>& runs, const ExecuteOptions& options) {
  static const std::atomic<bool> never{false};
  std::vector<PlannedRun*> wanted;
  std::vector<Process> processes;
  for (auto& run : runs) {
    if (run.state == RunState::finished || run.state == RunState::running) continue;
    wanted.push_back(&run);
    processes.push_back(process_of(run, options));
  }
  Follower follower(std::move(wanted), options);
  run_processes(processes, static_cast<size_t>(options.at_once), options.stop == nullptr ? never : *options.stop,
                follower);
}

}  // namespace peftlab::study
