#include "core/check/check.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>

namespace peftlab::check {
namespace {

/// Toy models are too small to share: on a busy machine, waiting for the second thread takes most of the time.
class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

Finding outcome(const Promise& promise, const Trial& trial) {
  Finding finding;
  try {
    return promise.verify(trial);
  } catch (const c10::Error& error) {
    finding.demand(false, std::string("it throws: ") + error.what_without_backtrace());
  } catch (const std::exception& error) {
    finding.demand(false, std::string("it throws: ") + error.what());
  } catch (...) {
    finding.demand(false, "it throws something that is no std::exception");
  }
  return finding;
}

bool is_broken(const std::vector<Line>& lines, const std::string& promise) {
  return std::any_of(lines.begin(), lines.end(), [&](const Line& line) {
    return promise == line.promise->name && line.verdict == Verdict::broken;
  });
}

Line line_for(const Promise& promise, const std::vector<Trial>& trials, const std::vector<Line>& before) {
  Line line;
  line.promise = &promise;
  if (promise.needs != nullptr && is_broken(before, promise.needs)) {
    line.reason = std::string("'") + promise.needs + "' is broken";
    return line;
  }
  for (const auto& trial : trials) {
    const auto finding = outcome(promise, trial);
    line.num_trials += finding.tried() ? 1 : 0;
    line.finding.join(finding, trial.name);
  }
  line.verdict = line.finding.broken() ? Verdict::broken : line.num_trials > 0 ? Verdict::kept : Verdict::untried;
  if (line.verdict == Verdict::untried) line.reason = line.finding.reason();
  return line;
}

}  // namespace

bool Report::kept() const {
  return std::none_of(lines.begin(), lines.end(), [](const Line& line) { return line.verdict == Verdict::broken; });
}

Report check_method(const plugin::MethodLibrary& library, const io::Json& options,
                    const std::vector<std::string>& models) {
  const auto begin = std::chrono::steady_clock::now();
  const OneThread one_thread;
  const auto trials = trials_of(library, options, models);
  Report report;
  report.method = library.entry->name;
  report.refused = trials.refused;
  for (const auto& trial : trials.tried) report.trials.push_back(trial.name);
  for (const auto& promise : promises()) report.lines.push_back(line_for(promise, trials.tried, report.lines));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

}  // namespace peftlab::check
