#include "core/lab/benchmark.h"

#include <ATen/Version.h>

#include <algorithm>
#include <chrono>
#include <regex>

#include "core/evaluate/task_score.h"
#include "core/lab/assessment.h"
#include "core/lab/few_steps.h"
#include "core/lab/machine.h"
#include "core/lab/prepared.h"
#include "core/lab/product_limit.h"

namespace peftlab::lab {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Keeps, with each step, the limit around it: other users of a machine's cores slow both down, from one moment to the
/// next.
class MeasuredSteps final : public train::Observer {
 public:
  MeasuredSteps(const model::Decoder& decoder, FewSteps& steps) : limit_(decoder), steps_(steps) {}

  void on_step(const train::StepReport& report) override {
    const double after = limit_.now(report.num_computed);
    around_.push_back(before_ > 0.0 ? (before_ + after) / 2.0 : after);
    before_ = after;
    steps_.on_step(report);
  }

  /// FLOP/s around each step.
  const std::vector<double>& limits() const { return around_; }

 private:
  ProductLimit limit_;
  FewSteps& steps_;
  double before_ = 0.0;
  std::vector<double> around_;
};

/// "3.12.0" of "Intel(R) MKL-DNN v3.12.0 (Git Hash ...)"; the text itself where it has none.
std::string version_in(const std::string& text) {
  std::smatch found;
  return std::regex_search(text, found, std::regex("v([0-9.]+)")) ? found[1].str() : text;
}

/// Measures one experiment.
class Measurement {
 public:
  Measurement(const Experiment& experiment, const BenchmarkRequest& request, Display& display)
      : request_(request), display_(display), in_(experiment, display) {
    require_steps(in_.job(), request.num_warm_up, request.num_steps);
    result_.name = experiment.name;
  }

  MethodSpeed operator()() {
    load();
    train();
    if (request_.num_answers > 0 && data::needs_generation(in_.work->task.answer.metric)) answer();
    return result_;
  }

 private:
  void load() {
    display_.phase(result_.name + ": loads the model", 0);
    const auto begin = Clock::now();
    in_.load_model();
    result_.load_seconds = seconds_since(begin);
    result_.law = step_law(*in_.decoder);
    result_.base_kind = in_.decoder->weights().linears().front().base.storage()->kind();
  }

  void train() {
    display_.phase(result_.name + ": trains", request_.num_warm_up + request_.num_steps);
    FewSteps steps(request_.num_warm_up + request_.num_steps, &display_);
    MeasuredSteps measured(*in_.decoder, steps);
    auto job = in_.job();
    job.stop = &steps.enough();
    train::train(job, measured);
    const auto from = static_cast<size_t>(request_.num_warm_up);
    const std::vector<double> limits(measured.limits().begin() + request_.num_warm_up, measured.limits().end());
    std::vector<double> seconds, fractions;
    for (size_t i = 0; i < limits.size(); ++i) {
      const auto& report = steps.reports()[from + i];
      count(report);
      seconds.push_back(report.seconds);
      fractions.push_back(flop(report) / report.seconds / limits[i]);
    }
    result_.step_seconds = spread_of(seconds);
    result_.limit = spread_of(limits);
    result_.fraction_of_limit = spread_of(fractions);
  }

  /// Computed in a step, virtual tokens included.
  double rows(const train::StepReport& report) const {
    return static_cast<double>(report.num_computed +
                               in_.experiment.train.gradient_accumulation * result_.law.num_virtual_rows);
  }

  double flop(const train::StepReport& report) const {
    return result_.law.flop(rows(report), static_cast<double>(report.num_labels));
  }

  void count(const train::StepReport& report) {
    const auto share = 1.0 / static_cast<double>(request_.num_steps);
    result_.useful_per_step += share * static_cast<double>(report.num_useful);
    result_.rows_per_step += share * rows(report);
    result_.labels_per_step += share * static_cast<double>(report.num_labels);
  }

  void answer() {
    const auto& splits = in_.experiment.evaluate.splits;
    if (splits.empty()) return;
    const auto examples = limited(in_.work->examples(splits.front()), request_.num_answers);
    display_.phase(result_.name + ": answers", static_cast<int64_t>(examples.size()));
    const Assessor assessor{in_.experiment, *in_.work, *in_.tokenizer, *in_.format, display_, {}};
    const auto score = evaluate::score_task(*in_.decoder, *in_.tokenizer, examples, in_.work->task.answer, assessor.generate_options());
    result_.num_answers = score.num_items;
    result_.num_generated = score.num_generated;
    result_.answer_seconds = score.seconds;
  }

  const BenchmarkRequest& request_;
  Display& display_;
  Prepared in_;
  MethodSpeed result_;
};

io::Json spread_json(const Spread& spread) { return {{"min", spread.least}, {"median", spread.median}, {"max", spread.most}}; }

io::Json row_json(const MethodSpeed& row) {
  return {{"name", row.name},
          {"base_kept_as", row.base_kind},
          {"load_seconds", row.load_seconds},
          {"step_seconds", spread_json(row.step_seconds)},
          {"useful_tokens_per_step", row.useful_per_step},
          {"computed_rows_per_step", row.rows_per_step},
          {"labels_per_step", row.labels_per_step},
          {"useful_tokens_per_second", row.useful_per_step / row.step_seconds.median},
          {"flop_factor", row.law.factor},
          {"flop_per_step", row.step_flop()},
          {"limit_flop_per_second", spread_json(row.limit)},
          {"fraction_of_limit", spread_json(row.fraction_of_limit)},
          {"num_answers", row.num_answers},
          {"num_generated_tokens", row.num_generated},
          {"answer_seconds", row.answer_seconds}};
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  TORCH_CHECK(!values.empty(), "the spread of no values");
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {values.front(), median, values.back()};
}

Benchmark benchmark(const BenchmarkRequest& request, Display& display) {
  Benchmark result;
  result.load_average = load_average();
  result.machine = describe_machine();
  result.machine["onednn"] = version_in(at::get_mkldnn_version());
  for (const auto& experiment : request.experiments) result.rows.push_back(Measurement(experiment, request, display)());
  return result;
}

io::Json to_json(const Benchmark& b) {
  io::Json rows = io::Json::array();
  for (const auto& row : b.rows) rows.push_back(row_json(row));
  return {{"machine", b.machine}, {"load_average", b.load_average}, {"rows", rows}};
}

}  // namespace peftlab::lab
