#include "core/train/trainer.h"

#include <ATen/record_function.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include "core/train/checkpoint.h"
#include "core/train/operation_log.h"
#include "core/train/order.h"
#include "core/train/step.h"

namespace peftlab::train {
namespace {

constexpr size_t kRecentLosses = 20;  // a jump is judged against the mean of so many

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Run {
 public:
  Run(const Job& job, Observer& observer)
      : job_(job), observer_(observer), plan_(make_plan(job.settings, static_cast<int64_t>(job.examples.size()))),
        updater_(make_slots(job.methods, job.settings), job.settings), checkpoints_(job.checkpoints, job.identity),
        order_(job.seed, plan_), stepper_(job) {}

  Outcome operator()() {
    start();
    Ending ending = Ending::finished;
    while (progress_.step < plan_.num_steps) {
      if (interrupted()) {
        save();
        ending = Ending::interrupted;
        break;
      }
      one_step();
      if (due(job_.settings.evaluate_every) && evaluate()) {
        ending = Ending::early_stopped;
        break;
      }
      if (due(job_.settings.save_every)) save();
    }
    if (ending != Ending::interrupted) save();
    set_training(false);
    return {ending, progress_, stepper_.sharing(), updater_.bytes()};
  }

 private:
  bool interrupted() const { return job_.stop != nullptr && job_.stop->load(); }

  bool due(const Every& every) const {
    const int64_t interval = plan_.interval(every);
    return interval > 0 && progress_.step % interval == 0;
  }

  void set_training(bool on) {
    for (auto* method : job_.methods) method->train(on);
  }

  void start() {
    check_job(job_);
    job_.decoder->set_checkpointing(job_.settings.gradient_checkpointing);
    std::vector<std::string> notes;
    if (const auto saved = checkpoints_.resume(job_.methods, updater_, notes)) {
      progress_ = *saved;
      notes.push_back("goes on after step " + std::to_string(progress_.step));
    }
    observer_.on_start(progress_.step);
    for (const auto& note : notes) observer_.on_note(progress_.step, note);
    set_training(true);
  }

  void one_step() {
    const auto begin = std::chrono::steady_clock::now();
    StepReport report;
    report.step = progress_.step + 1;
    report.num_steps = plan_.num_steps;
    report.learning_rate = learning_rate_at(report.step, plan_, job_.settings);
    report.epoch = plan_.epoch_after(report.step);
    const auto examples = order_.of_step(report.step);
    stepper_.accumulate(examples, report);
    apply(report, examples);
    progress_.step = report.step;
    report.seconds = seconds_since(begin);
    account(report);
    observer_.on_step(report);
  }

  /// What the gradients do, then no gradients.
  void apply(StepReport& report, const std::vector<size_t>& examples) {
    RECORD_USER_SCOPE(kOptimizerPhase);
    report.gradient_norm = updater_.gradient_norm();
    report.skipped = !std::isfinite(report.loss) || !std::isfinite(report.gradient_norm);
    if (report.skipped) {
      refuse_unless_skipping(report, examples);
    } else {
      update(report);
    }
    updater_.clear_gradients();
  }

  void update(const StepReport& report) {
    const double clip = job_.settings.clip_norm;
    if (clip > 0 && report.gradient_norm > clip) updater_.scale_gradients(clip / (report.gradient_norm + 1e-6));
    updater_.step(report.learning_rate);
    for (auto* method : job_.methods) method->method().after_step(report.step);
  }

  void refuse_unless_skipping(const StepReport& report, const std::vector<size_t>& examples) const {
    if (job_.settings.on_nonfinite == OnNonFinite::skip) return;
    std::string list;
    for (size_t i : examples) list += (list.empty() ? "" : ", ") + std::to_string(i);
    const auto steps = checkpoints_.steps();
    const std::string last = steps.empty() ? "there is no checkpoint" : "the last good checkpoint is " + checkpoints_.path_of(steps.back()).string();
    throw RunError("step " + std::to_string(report.step) + ": the loss is " + std::to_string(report.loss) + " and the gradient norm " +
                   std::to_string(report.gradient_norm) + ", expected finite numbers; training examples " + list + "; " + last +
                   "; try a lower learning rate, or \"on_nonfinite\": \"skip\" to leave such steps out and count them");
  }

  void account(const StepReport& report) {
    progress_.num_useful += report.num_useful;
    progress_.num_computed += report.num_computed;
    progress_.num_labels += report.num_labels;
    progress_.num_skipped += report.skipped ? 1 : 0;
    progress_.train_seconds += report.seconds;
    if (report.step == 1) progress_.first_step_seconds = report.seconds;
    if (!report.skipped) notice_jump(report);
  }

  void notice_jump(const StepReport& report) {
    auto& recent = progress_.recent_losses;
    const double mean = recent.empty() ? 0.0 : std::accumulate(recent.begin(), recent.end(), 0.0) / static_cast<double>(recent.size());
    if (recent.size() >= kRecentLosses / 2 && mean > 0 && report.loss_task > job_.settings.loss_jump * mean) {
      ++progress_.num_jumps;
      observer_.on_note(report.step, "the loss jumped to " + std::to_string(report.loss_task) + ", " +
                                         std::to_string(report.loss_task / mean) + " times the mean of the last steps");
    }
    recent.push_back(report.loss_task);
    if (recent.size() > kRecentLosses) recent.erase(recent.begin());
  }

  /// Returns whether the run should stop early.
  bool evaluate() {
    if (!job_.evaluate) return false;
    const auto begin = std::chrono::steady_clock::now();
    set_training(false);
    const Metrics metrics = job_.evaluate();
    set_training(true);
    const double seconds = seconds_since(begin);
    progress_.evaluation_seconds += seconds;
    observer_.on_evaluation(progress_.step, metrics, seconds);
    const BestMetric& wanted = job_.settings.best_metric;
    const auto found = metrics.find(wanted.name);
    if (found == metrics.end()) return false;
    const double gain = (wanted.direction == Direction::lower ? -1.0 : 1.0) * (found->second - progress_.best_value.value_or(0.0));
    const double least = job_.settings.early_stopping ? job_.settings.early_stopping->min_change : 0.0;
    if (!progress_.best_value || gain > least) {
      progress_.best_value = found->second;
      progress_.best_step = progress_.step;
      progress_.evaluations_without_gain = 0;
      if (job_.settings.keep_best) save();
    } else {
      ++progress_.evaluations_without_gain;
    }
    return job_.settings.early_stopping && progress_.evaluations_without_gain >= job_.settings.early_stopping->patience;
  }

  void save() {
    if (!checkpoints_.enabled()) return;
    const auto path = checkpoints_.save(job_.methods, updater_, progress_);
    checkpoints_.prune(job_.settings.keep_last, job_.settings.keep_best ? progress_.best_step : 0);
    observer_.on_checkpoint(progress_.step, path);
  }

  const Job& job_;
  Observer& observer_;
  Plan plan_;
  Updater updater_;
  Checkpoints checkpoints_;
  Order order_;
  StepRunner stepper_;
  Progress progress_;
};

void check_lengths(const model::Decoder& decoder, const std::vector<model::Sequence>& examples) {
  const int64_t num_virtual = decoder.num_virtual_positions();
  const int64_t most = decoder.spec().max_positions - num_virtual;
  for (size_t i = 0; num_virtual > 0 && i < examples.size(); ++i) {
    const auto length = static_cast<int64_t>(examples[i].ids.size());
    if (length <= most) continue;
    throw ConfigError("training example " + std::to_string(i) + " has " + std::to_string(length) +
                      " tokens, and with " + std::to_string(num_virtual) +
                      " virtual tokens before them the model has positions for " + std::to_string(most) +
                      "; set \"max_length\" of \"train\" to at most " + std::to_string(most) +
                      " or take fewer virtual tokens");
  }
}

}  // namespace

void check_job(const Job& job) {
  check_lengths(*job.decoder, job.examples);
  const auto plan = make_plan(job.settings, static_cast<int64_t>(job.examples.size()));
  for (auto* method : job.methods) method->begin({plan.num_steps, job.settings.learning_rate});
}

Outcome train(const Job& job, Observer& observer) {
  TORCH_CHECK(job.decoder != nullptr && !job.methods.empty() && !job.examples.empty(), "a job needs a model, a method and examples");
  return Run(job, observer)();
}

}  // namespace peftlab::train
