#include "core/study/planned_run.h"

#include "core/compare/json_access.h"
#include "core/io/lock_file.h"
#include "core/lab/run_folder.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;

/// From a record that could be read.
void judge(PlannedRun& run, const io::Json& record) {
  const std::string status = compare::text_at(record, "status"), identity = compare::text_at(record, "identity");
  if (identity != run.identity) {
    run.state = RunState::failed;
    run.reason = run.folder.string() + ": holds another run (" + identity.substr(0, 8) + ", this one is " +
                 run.identity.substr(0, 8) + "); give another --out folder";
  } else if (status == "failed") {
    run.state = RunState::failed;
    run.reason = compare::text_at(record, "reason");
  } else {
    run.state = status == "finished" ? RunState::finished : RunState::interrupted;
  }
}

}  // namespace

const char* name_of(RunState state) {
  switch (state) {
    case RunState::missing:
      return "missing";
    case RunState::interrupted:
      return "interrupted";
    case RunState::failed:
      return "failed";
    case RunState::running:
      return "running elsewhere";
    case RunState::finished:
      return "finished";
  }
  return "";
}

void look_at(PlannedRun& run) {
  std::error_code error;
  run.reason.clear();
  if (io::is_locked(run.folder / "lock")) {
    run.state = RunState::running;
  } else if (!fs::exists(run.folder / "run.json", error)) {
    run.state = RunState::missing;
  } else {
    try {
      judge(run, lab::read_record(run.folder));
    } catch (const std::exception& failure) {
      run.state = RunState::failed;
      run.reason = std::string(failure.what()) + "; remove the folder to run it anew";
    }
  }
}

void record_failure(const PlannedRun& run, const std::string& reason) {
  if (io::is_locked(run.folder / "lock")) return;
  const lab::RunFolder folder(run.folder, run.identity);
  io::Json record = folder.earlier() ? *folder.earlier() : run.record;
  record["status"] = "failed";
  record["reason"] = reason;
  folder.write_record(record);
}

}  // namespace peftlab::study
