// Writes what the training loop tells: metrics.jsonl, TensorBoard, the display.
#pragma once

#include "core/io/json.h"
#include "core/lab/display.h"
#include "core/report/metrics_log.h"
#include "core/report/tensorboard.h"

namespace peftlab::lab {

class RunObserver final : public train::Observer {
 public:
  /// Appends to metrics.jsonl and opens an event file in `folder`. `log_every`: steps between lines.
  RunObserver(const std::filesystem::path& folder, int64_t log_every, Display& display);

  /// Hyper-parameters for TensorBoard's table, from the record; runs of one experiment are a group, its seeds averaged there.
  void describe(const io::Json& record);
  /// Training has ended as it should.
  void end() { events_.end_session(/*success=*/true); }

  void on_start(int64_t step) override;
  void on_step(const train::StepReport& report) override;
  void on_evaluation(int64_t step, const train::Metrics& metrics, double seconds) override;
  void on_note(int64_t step, const std::string& text) override;

 private:
  report::MetricsLog metrics_;
  report::TensorBoardWriter events_;
  int64_t log_every_;
  Display& display_;
};

}  // namespace peftlab::lab
