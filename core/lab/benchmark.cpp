#include "core/lab/benchmark.h"

#include <ATen/Version.h>

#include <algorithm>
#include <chrono>
#include <regex>
#include <set>

#include "core/evaluate/task_score.h"
#include "core/lab/assessment.h"
#include "core/lab/few_steps.h"
#include "core/lab/machine.h"
#include "core/lab/prepared.h"

namespace peftlab::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kSquare = 2048;
constexpr double kProductSeconds = 0.15;  // spent on each shape

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// FLOP/s of the fastest of several products x (rows, in) by w' (in, out).
double product_rate(int64_t rows, int64_t out, int64_t in, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn({rows, in}).to(type), w = torch::randn({out, in}).to(type);
  double best = 0.0;
  for (const auto begin = Clock::now(); seconds_since(begin) < kProductSeconds;) {
    const auto start = Clock::now();
    const auto y = at::linear(x, w);
    best = std::max(best, 2.0 * static_cast<double>(rows * out * in) / seconds_since(start));
  }
  return best;
}

double best_rate(const model::Decoder& decoder, int64_t rows) {
  std::set<std::pair<int64_t, int64_t>> shapes;
  for (const auto& slot : decoder.weights().linears()) shapes.emplace(slot.base.out(), slot.base.in());
  double best = product_rate(kSquare, kSquare, kSquare, decoder.type());
  for (const auto& [out, in] : shapes) best = std::max(best, product_rate(rows, out, in, decoder.type()));
  return best;
}

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
    const int64_t typical_rows = train();
    result_.limit = std::max(result_.limit, best_rate(*in_.decoder, typical_rows));
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
    result_.limit = product_rate(kSquare, kSquare, kSquare, in_.decoder->type());
  }

  /// Returns the rows of a typical step.
  int64_t train() {
    display_.phase(result_.name + ": trains", request_.num_warm_up + request_.num_steps);
    FewSteps steps(request_.num_warm_up + request_.num_steps, &display_);
    auto job = in_.job();
    job.stop = &steps.enough();
    train::train(job, steps);
    const auto& reports = steps.reports();
    std::vector<double> seconds;
    for (auto report = reports.begin() + request_.num_warm_up; report != reports.end(); ++report) count(*report, seconds);
    result_.step_seconds = spread_of(seconds);
    return std::max<int64_t>(1, static_cast<int64_t>(result_.rows_per_step));
  }

  void count(const train::StepReport& report, std::vector<double>& seconds) {
    const auto share = 1.0 / static_cast<double>(request_.num_steps);
    const int64_t passes = in_.experiment.train.gradient_accumulation;
    seconds.push_back(report.seconds);
    result_.useful_per_step += share * static_cast<double>(report.num_useful);
    result_.rows_per_step += share * static_cast<double>(report.num_computed + passes * result_.law.num_virtual_rows);
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
          {"limit_flop_per_second", row.limit},
          {"fraction_of_limit", row.fraction_of_limit()},
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
