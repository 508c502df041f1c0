// `peftlab bench`: how fast experiments train and answer on this machine, and how near its limit.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

#include "core/cli/commands.h"
#include "core/cli/experiment_options.h"
#include "core/cli/run_display.h"
#include "core/lab/benchmark.h"
#include "core/lab/machine.h"
#include "core/report/human.h"
#include "core/report/table.h"
#include "core/report/terminal.h"
#include "core/study/plan.h"

namespace peftlab::cli {
namespace {

struct BenchOptions {
  std::vector<std::string> files, overrides;
  lab::BenchmarkRequest request;
  bool json = false, quiet = false;
};

std::string number(const char* pattern, double value) {
  char text[32];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string spread(const lab::Spread& seconds) {
  return number("%.0f", 1e3 * seconds.least) + " - " + number("%.0f", 1e3 * seconds.most);
}

std::string training_table(const lab::Benchmark& b, int columns) {
  report::Table table({"experiment", "step, ms", "min - max", "useful/s", "rows", "GFLOP/s", "limit, %"});
  for (const auto& row : b.rows) {
    table.add({row.name, number("%.0f", 1e3 * row.step_seconds.median), spread(row.step_seconds),
               number("%.0f", row.useful_per_step / row.step_seconds.median), number("%.0f", row.rows_per_step),
               number("%.0f", 1e-9 * row.step_flop() / row.step_seconds.median),
               number("%.1f", 100.0 * row.fraction_of_limit.median)});
  }
  return table.text(columns);
}

std::string answers_table(const lab::Benchmark& b, int columns) {
  report::Table table({"experiment", "base kept as", "FLOP/N", "load, s", "answers", "answers/s", "tokens/s"});
  for (const auto& row : b.rows) {
    const bool any = row.num_answers > 0;
    table.add({row.name, row.base_kind, number("%.2f", row.law.factor), number("%.2f", row.load_seconds), std::to_string(row.num_answers),
               any ? number("%.1f", static_cast<double>(row.num_answers) / row.answer_seconds) : "-",
               any ? number("%.0f", static_cast<double>(row.num_generated) / row.answer_seconds) : "-"});
  }
  return table.text(columns);
}

std::string limits(const lab::Benchmark& b) {
  const auto [least, unused] = std::minmax_element(
      b.rows.begin(), b.rows.end(), [](const auto& x, const auto& y) { return x.limit.least < y.limit.least; });
  const auto [other, most] = std::minmax_element(
      b.rows.begin(), b.rows.end(), [](const auto& x, const auto& y) { return x.limit.most < y.limit.most; });
  return number("%.0f", 1e-9 * least->limit.least) + " to " + number("%.0f", 1e-9 * most->limit.most);
}

/// "NAME=value" of each, as many to a line as fit.
std::string settings_text(const io::Json& settings) {
  constexpr size_t kWidth = 79;
  std::string text, line;
  for (const auto& [name, value] : settings.items()) {
    const std::string word = name + "=" + value.get<std::string>();
    if (!line.empty() && line.size() + 1 + word.size() > kWidth) text += std::exchange(line, "") + "\n";
    line += (line.empty() ? "" : " ") + word;
  }
  return line.empty() ? text : text + line + "\n";
}

std::string machine_text(const lab::Benchmark& b) {
  std::string sets;
  for (const auto& name : b.machine.at("instruction_sets")) sets += " " + name.get<std::string>();
  return b.machine.at("processor").get<std::string>() + ", " + std::to_string(b.machine.at("threads").get<int>()) +
         " threads\n" + "with" + sets + "\nlibtorch " + b.machine.at("libtorch").get<std::string>() + ", oneDNN " +
         b.machine.at("onednn").get<std::string>() + ", " + b.machine.at("build").get<std::string>() + " build, load " +
         number("%.2f", b.load_average) + "\n" + settings_text(b.machine.at("library_settings"));
}

void warn(const lab::Benchmark& b) {
  if (b.machine.at("build") == "debug") std::cerr << "peftlab: a debug build: its figures mean nothing\n";
  if (b.load_average > lab::kBusyLoad) {
    std::cerr << "peftlab: the machine was busy before (load " << number("%.2f", b.load_average)
              << "): compare within this table alone\n";
  }
}

void print(const lab::Benchmark& b, int64_t num_steps) {
  const int columns = report::terminal_width(STDOUT_FILENO);
  std::cout << machine_text(b) << "\nTraining, " << num_steps << " steps each: medians\n\n"
            << training_table(b, columns)
            << "\nuseful/s: tokens of the examples as they would stand alone. rows: computed in a\nstep. GFLOP/s: by "
               "the law, FLOP/N for each row and matrix element of the layers\n"
               "(4, or 6 where the matrices are trained; less where the backward pass ends\nearly), the head at "
               "labelled rows alone; limit: the best bare product beside\neach step, "
            << limits(b) << " GFLOP/s.\n\nAnswering, adapters untrained\n\n"
            << answers_table(b, columns);
}

int bench(const BenchOptions& o) {
  auto request = o.request;
  study::AllMistakes mistakes;
  for (const auto& file : o.files) mistakes.keep([&] { request.experiments.push_back(read_experiment({file, o.overrides, {}})); });
  mistakes.throw_if_any();
  RunDisplay display(o.quiet);
  const auto found = lab::benchmark(request, display);
  display.end();
  warn(found);
  if (o.json) {
    std::cout << lab::to_json(found).dump(2) << "\n";
  } else {
    print(found, request.num_steps);
  }
  return kDone;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("bench", "Show how fast methods train and answer here, and how near the machine's limit");
  auto o = std::make_shared<BenchOptions>();
  verb->add_option("experiments", o->files, "experiment files (JSON)")->required();
  verb->add_option("--set", o->overrides, "change a value in all of them: /train/batch_size=16; may be given several times");
  verb->add_option("--steps", o->request.num_steps, "steps to measure")->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_option("--warm-up", o->request.num_warm_up, "steps before them")->check(CLI::NonNegativeNumber)->capture_default_str();
  verb->add_option("--answers", o->request.num_answers, "items to answer, 0 for none")->check(CLI::NonNegativeNumber)->capture_default_str();
  verb->add_flag("--json", o->json, "print one JSON object, with units in its keys");
  verb->add_flag("--quiet", o->quiet, "no progress");
  set_example(*verb, "peftlab bench experiments/roads_lora.json experiments/roads_full.json");
  verb->callback([o, &action] { action = [o] { return bench(*o); }; });
}

}  // namespace peftlab::cli
