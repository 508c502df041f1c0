#include "core/lab/run.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <ctime>
#include <fstream>

#include "core/evaluate/forgetting.h"
#include "core/io/files.h"
#include "core/io/folder_writer.h"
#include "core/io/sha256.h"
#include "core/lab/assessment.h"
#include "core/lab/machine.h"
#include "core/lab/prepared.h"
#include "core/lab/run_folder.h"
#include "core/lab/run_observer.h"
#include "core/lab/run_record.h"
#include "core/lab/update_spectra.h"
#include "core/train/checkpoint.h"

namespace peftlab::lab {
namespace {

using Clock = std::chrono::steady_clock;

/// Thrown when a signal ends the run; the checkpoint is on disk.
struct Interrupted {};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// One run while it works: each phase is a member that reads what the ones before it made.
class Runner {
 public:
  Runner(const RunRequest& request, Display& display)
      : request_(request), display_(display), started_(Clock::now()) {}

  RunResult operator()() {
    open_inputs();
    open_folder();
    if (folder_->earlier() && folder_->earlier()->value("status", "") == "finished") {
      return {RunStatus::already_finished, folder_->path(), *folder_->earlier()};
    }
    record_["status"] = "running";
    folder_->write_record(record_);
    try {
      work();
      return finish("finished", RunStatus::finished);
    } catch (const Interrupted&) {
      return finish("interrupted", RunStatus::interrupted);
    } catch (const std::exception& error) {
      record_failure(error.what());
      throw;
    }
  }

 private:
  bool stopped() const { return request_.stop != nullptr && request_.stop->load(); }
  void check_stop() const {
    if (stopped()) throw Interrupted{};
  }

  /// Everything that decides what the run is, before anything heavy.
  void open_inputs() {
    in_ = std::make_unique<Prepared>(request_.experiment, display_);
    record_ = begin_record({in_->experiment, *in_->files, *in_->work, *in_->format, *in_->tokenizer, in_->created, in_->type, in_->device});
  }

  void open_folder() {
    const std::string identity = record_.at("identity");
    const auto path = request_.out.empty() ? RunFolder::default_path(in_->experiment.name, in_->experiment.seed, identity)
                                           : std::filesystem::absolute(request_.out);
    folder_ = std::make_unique<RunFolder>(path, identity);
    if (folder_->earlier()) record_["earlier_seconds"] = folder_->earlier()->value("total_seconds", 0.0);
  }

  void work() {
    load_model();
    assess_base_model();
    train();
    assess_tuned_model();
    forgetting();
    record_["results"] = results_;
  }

  void load_model() {
    display_.phase("loads the model", 0);
    reset_peak_memory();
    in_->load_model();
    assessor().check_lengths(*in_->decoder);
    record_methods(record_, in_->methods, *in_->decoder);
    results_["setup_seconds"] = seconds_since(started_);
    results_["peak_memory_bytes"]["setup"] = peak_memory_bytes();
  }

  Assessor assessor() {
    return {in_->experiment, *in_->work, *in_->tokenizer, *in_->format, display_, [this] { return stopped(); }};
  }

  void assess_base_model() {
    if (!in_->experiment.evaluate.base) return;
    model::PatchesOff off(*in_->decoder);
    std::string about;
    base_ = assess_base(assessor(), *in_->decoder, base_key(record_), about);
    check_stop();
    if (!about.empty()) display_.note("base model's answers: " + about);
    record_assessment(results_, "base", *base_);
  }

  void train() {
    train::Job job = in_->job();
    job.checkpoints = folder_->path() / "checkpoints";
    job.identity = record_.at("identity");
    job.evaluate = [this] { return dev_metrics(); };
    job.stop = request_.stop;
    RunObserver observer(folder_->path(), in_->experiment.train.log_every_steps, display_);
    observer.describe(record_);
    display_.phase("trains", train::make_plan(job.settings, static_cast<int64_t>(job.examples.size())).num_steps);
    reset_peak_memory();
    const int64_t resident = resident_memory_bytes();
    const auto outcome = train::train(job, observer);
    record_training(results_, outcome);
    record_training_memory(results_, {resident, peak_memory_bytes(), in_->decoder->weights().bytes(), outcome.bytes});
    record_reports(results_, in_->methods);
    if (outcome.ending == train::Ending::interrupted) throw Interrupted{};
    observer.end();
    if (job.settings.keep_best && outcome.progress.best_step > 0) load_best(job, outcome);
    write_adapters(in_->methods, folder_->path() / "adapter", {in_->experiment.model.name, in_->files->hash()},
                   *in_->files->source);
    record_updates(results_, folder_->path(), *in_->decoder, in_->methods, static_cast<uint64_t>(in_->experiment.seed));
    record_adapter(record_, folder_->path() / "adapter");
  }

  /// The best checkpoint becomes the result; its metric must come out as it was logged.
  void load_best(const train::Job& job, const train::Outcome& outcome) {
    train::Checkpoints(job.checkpoints, job.identity).load_methods(outcome.progress.best_step, job.methods);
    const double again = dev_metrics().at(job.settings.best_metric.name);
    results_["best"] = {{"step", outcome.progress.best_step}, {"metric", job.settings.best_metric.name},
                        {"logged", *outcome.progress.best_value}, {"evaluated_again", again}};
    if (again != *outcome.progress.best_value) {
      throw RunError("the best checkpoint, step " + std::to_string(outcome.progress.best_step) + ", evaluates to " +
                     std::to_string(again) + " where " + std::to_string(*outcome.progress.best_value) + " was logged");
    }
  }

  train::Metrics dev_metrics() {
    const auto examples = limited(in_->work->examples("dev"), in_->experiment.evaluate.max_dev_items);
    const auto stop = [this] { return stopped(); };
    train::Metrics metrics = {
        {"loss", evaluate::mean_loss(*in_->decoder, evaluate::training_sequences(examples), in_->experiment.evaluate.batch_size, stop).per_token}};
    const std::string& wanted = in_->experiment.train.best_metric.name;
    if (wanted != "loss" && data::needs_generation(wanted)) {
      metrics[wanted] = evaluate::score_task(*in_->decoder, *in_->tokenizer, examples, in_->work->task.answer, assessor().generate_options()).mean;
    }
    return metrics;
  }

  void assess_tuned_model() {
    const auto tuned = assessor()(*in_->decoder, "tuned model");
    check_stop();
    record_assessment(results_, "tuned", tuned);
    write_predictions(folder_->path() / "predictions.jsonl", tuned, base_ ? &*base_ : nullptr);
    record_wrong_outputs(results_, tuned);
  }

  void forgetting() {
    if (!in_->experiment.evaluate.forgetting) return;
    display_.phase("measures forgetting", 0);
    const auto begin = Clock::now();
    reset_peak_memory();
    const auto texts = forgetting_texts(*in_->experiment.evaluate.forgetting, *in_->tokenizer, *in_->format);
    const auto scores = evaluate::measure_forgetting(*in_->decoder, texts, [this] { return stopped(); });
    check_stop();
    record_forgetting(results_, scores, seconds_since(begin), peak_memory_bytes());
  }

  /// Where the disk that failed the run holds the record too, the reason is still told.
  void record_failure(const std::string& reason) {
    record_["reason"] = reason;
    try {
      finish("failed", RunStatus::finished);
    } catch (const RunError& error) {
      display_.note(std::string("the failure could not be recorded: ").append(error.what()));
    }
  }

  RunResult finish(const std::string& status, RunStatus result) {
    record_["status"] = status;
    record_["total_seconds"] = seconds_since(started_);
    record_["results"] = results_;
    folder_->write_record(record_);
    return {result, folder_->path(), record_};
  }

  const RunRequest& request_;
  Display& display_;
  Clock::time_point started_;
  std::unique_ptr<Prepared> in_;
  std::unique_ptr<RunFolder> folder_;
  std::optional<Assessment> base_;
  io::Json record_;
  io::Json results_ = io::Json::object();
};

}  // namespace

RunResult run_experiment(const RunRequest& request, Display& display) { return Runner(request, display)(); }

}  // namespace peftlab::lab
