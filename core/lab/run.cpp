#include "core/lab/run.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <ctime>
#include <fstream>

#include "core/data/model_chat_format.h"
#include "core/evaluate/forgetting.h"
#include "core/io/files.h"
#include "core/io/folder_writer.h"
#include "core/io/sha256.h"
#include "core/lab/assessment.h"
#include "core/lab/gguf_adapter.h"
#include "core/lab/loaded_model.h"
#include "core/lab/machine.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
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
      : request_(request), experiment_(request.experiment), display_(display), started_(Clock::now()) {}

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
    created_ = create_methods(experiment_);
    display_.phase("reads model and data", 0);
    const auto path = experiment_.model.path.empty() ? model_path(experiment_.model.name) : experiment_.model.path;
    files_ = std::make_unique<ModelFiles>(path);
    tokenizer_ = std::make_unique<text::Tokenizer>(load_tokenizer(path));
    format_ = data::make_chat_format(*tokenizer_, path.string());
    work_ = std::make_unique<Workload>(load_workload(experiment_, *format_, files_->source->spec().max_positions));
    device_ = choose_device(experiment_.device);
    type_ = choose_type(experiment_.model.dtype, device_);
    record_ = begin_record({experiment_, *files_, *work_, *format_, *tokenizer_, created_, type_, device_});
  }

  void open_folder() {
    const std::string identity = record_.at("identity");
    const auto path = request_.out.empty() ? RunFolder::default_path(experiment_.name, experiment_.seed, identity)
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
    decoder_ = std::make_unique<model::Decoder>(*files_->source, type_, device_, model::Reading{experiment_.model.quantize, /*lazily=*/true});
    methods_ = attach_methods(*decoder_, std::move(created_), static_cast<uint64_t>(experiment_.seed), tokenizer_.get());
    decoder_->weights().load_rest();
    if (!experiment_.adapter.empty()) load_start();
    train::check_lengths(*decoder_, evaluate::training_sequences(work_->examples("train")));
    assessor().check_lengths(*decoder_);
    record_methods(record_, methods_, *decoder_);
    results_["setup_seconds"] = seconds_since(started_);
    results_["peak_memory_bytes"]["setup"] = peak_memory_bytes();
  }

  void load_start() {
    if (methods_.methods.size() != 1) throw ConfigError("adapter: a start from an adapter needs exactly one method");
    methods_.methods[0]->load(read_adapter(experiment_.adapter, decoder_->spec()), experiment_.adapter.string());
  }

  Assessor assessor() {
    return {experiment_, *work_, *tokenizer_, *format_, display_, [this] { return stopped(); }};
  }

  void assess_base_model() {
    if (!experiment_.evaluate.base) return;
    model::PatchesOff off(*decoder_);
    std::string about;
    base_ = assess_base(assessor(), *decoder_, base_key(record_), about);
    check_stop();
    if (!about.empty()) display_.note("base model's answers: " + about);
    record_assessment(results_, "base", *base_);
  }

  void train() {
    train::Job job;
    job.decoder = decoder_.get();
    job.methods = methods_.pointers();
    job.examples = evaluate::training_sequences(work_->examples("train"));
    job.settings = experiment_.train;
    job.seed = static_cast<uint64_t>(experiment_.seed);
    job.checkpoints = folder_->path() / "checkpoints";
    job.identity = record_.at("identity");
    job.evaluate = [this] { return dev_metrics(); };
    job.stop = request_.stop;
    RunObserver observer(folder_->path(), experiment_.train.log_every_steps, display_);
    observer.describe(record_);
    display_.phase("trains", train::make_plan(job.settings, static_cast<int64_t>(job.examples.size())).num_steps);
    reset_peak_memory();
    const auto outcome = train::train(job, observer);
    results_["peak_memory_bytes"]["training"] = peak_memory_bytes();
    record_training(results_, outcome);
    record_reports(results_, methods_);
    if (outcome.ending == train::Ending::interrupted) throw Interrupted{};
    observer.end();
    if (job.settings.keep_best && outcome.progress.best_step > 0) load_best(job, outcome);
    write_adapters(methods_, folder_->path() / "adapter", experiment_.model.name);
    record_updates(results_, folder_->path(), *decoder_, methods_, static_cast<uint64_t>(experiment_.seed));
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
    const auto examples = limited(work_->examples("dev"), experiment_.evaluate.max_dev_items);
    const auto stop = [this] { return stopped(); };
    train::Metrics metrics = {
        {"loss", evaluate::mean_loss(*decoder_, evaluate::training_sequences(examples), experiment_.evaluate.batch_size, stop).per_token}};
    const std::string& wanted = experiment_.train.best_metric.name;
    if (wanted != "loss" && data::needs_generation(wanted)) {
      metrics[wanted] = evaluate::score_task(*decoder_, *tokenizer_, examples, work_->task.answer, assessor().generate_options()).mean;
    }
    return metrics;
  }

  void assess_tuned_model() {
    const auto tuned = assessor()(*decoder_, "tuned model");
    check_stop();
    record_assessment(results_, "tuned", tuned);
    write_predictions(folder_->path() / "predictions.jsonl", tuned, base_ ? &*base_ : nullptr);
    record_wrong_outputs(results_, tuned);
  }

  void forgetting() {
    if (!experiment_.evaluate.forgetting) return;
    display_.phase("measures forgetting", 0);
    const auto begin = Clock::now();
    reset_peak_memory();
    const auto texts = forgetting_texts(*experiment_.evaluate.forgetting, *tokenizer_, *format_);
    const auto scores = evaluate::measure_forgetting(*decoder_, texts, [this] { return stopped(); });
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
  Experiment experiment_;
  Display& display_;
  Clock::time_point started_;
  std::vector<plugin::CreatedMethod> created_;
  std::unique_ptr<ModelFiles> files_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::unique_ptr<data::ChatFormat> format_;
  std::unique_ptr<Workload> work_;
  torch::Device device_ = torch::kCPU;
  torch::ScalarType type_ = torch::kFloat32;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<model::Decoder> decoder_;
  MethodSet methods_;
  std::optional<Assessment> base_;
  io::Json record_;
  io::Json results_ = io::Json::object();
};

}  // namespace

RunResult run_experiment(const RunRequest& request, Display& display) { return Runner(request, display)(); }

}  // namespace peftlab::lab
