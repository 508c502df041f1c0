// `peftlab profile`: where a training step's time and memory go.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/experiment_options.h"
#include "core/cli/run_display.h"
#include "core/lab/profile.h"
#include "core/report/human.h"
#include "core/report/table.h"
#include "core/report/terminal.h"

namespace peftlab::cli {
namespace {

constexpr const char* kBetween = "between";

struct ProfileOptions {
  ExperimentOptions experiment;
  int64_t num_steps = 10, num_warm_up = 3, num_rows = 20;
  bool json = false, quiet = false;
};

/// One line of the table of operations.
struct Line {
  std::string phase, operation;
  train::OperationCost cost;
};

std::string number(const char* pattern, double value) {
  char text[32];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

/// What the figures of a profile are shown in: of one step.
struct PerStep {
  double num_steps, seconds;

  std::string calls(int64_t count) const { return number("%.0f", static_cast<double>(count) / num_steps); }
  std::string milliseconds(double all) const { return number("%.2f", 1e3 * all / num_steps); }
  std::string share(double all) const { return number("%.1f", 100.0 * all / seconds); }
  std::string mebibytes(int64_t all) const { return number("%.2f", static_cast<double>(all) / num_steps / (1 << 20)); }
};

std::string phases_text(const lab::Profile& p, const PerStep& per, int columns) {
  report::Table table({"phase", "ms/step", "share, %", "allocated, MiB/step", "held at most, MiB"});
  double rest = p.seconds;
  const auto add = [&](const std::string& name, double seconds, const train::OperationCost& cost) {
    table.add({name, per.milliseconds(seconds), per.share(seconds), per.mebibytes(cost.bytes_allocated),
               number("%.1f", static_cast<double>(cost.peak_bytes) / (1 << 20))});
  };
  for (const char* name : {train::kForwardPhase, train::kBackwardPhase, train::kOptimizerPhase}) {
    const auto at = p.costs.phases.find(name);
    if (at == p.costs.phases.end()) continue;
    rest -= at->second.seconds;
    add(name, at->second.seconds, at->second);
  }
  const auto between = p.costs.phases.find("");
  add(kBetween, std::max(0.0, rest), between == p.costs.phases.end() ? train::OperationCost{} : between->second);
  return table.text(columns);
}

std::vector<Line> lines_of(const lab::Profile& p) {
  std::vector<Line> lines;
  for (const auto& [key, cost] : p.costs.operations) lines.push_back({key.first.empty() ? kBetween : key.first, key.second, cost});
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.cost.seconds > b.cost.seconds; });
  return lines;
}

std::string operations_text(const lab::Profile& p, const PerStep& per, size_t num_rows, int columns) {
  report::Table table({"phase", "operation", "calls", "ms/step", "share, %", "alloc, MiB"});
  const auto add = [&](const Line& line) {
    table.add({line.phase, line.operation, per.calls(line.cost.num_calls), per.milliseconds(line.cost.seconds),
               per.share(line.cost.seconds), per.mebibytes(line.cost.bytes_allocated)});
  };
  const auto lines = lines_of(p);
  Line rest{"", "", {}};
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i < num_rows) add(lines[i]);
    if (i < num_rows) continue;
    rest.cost.num_calls += lines[i].cost.num_calls;
    rest.cost.seconds += lines[i].cost.seconds;
    rest.cost.bytes_allocated += lines[i].cost.bytes_allocated;
  }
  if (lines.size() > num_rows) {
    rest.operation = report::human_count(static_cast<int64_t>(lines.size() - num_rows)) + " others";
    add(rest);
  }
  return table.text(columns);
}

void print(const lab::Profile& p, size_t num_rows) {
  const int columns = report::terminal_width(STDOUT_FILENO);
  const PerStep per{static_cast<double>(p.num_steps), p.seconds};
  const auto tokens = [&](int64_t all) { return number("%.0f", static_cast<double>(all) / per.num_steps); };
  std::cout << p.name << ", seed " << p.seed << ": " << p.num_steps << " steps, " << per.milliseconds(p.seconds) << " ms a step\n"
            << tokens(p.num_useful_tokens) << " useful tokens a step, " << tokens(p.num_computed_tokens) << " computed, "
            << number("%.0f", static_cast<double>(p.num_useful_tokens) / p.seconds) << " useful tokens/s\n"
            << p.machine.at("processor").get<std::string>() << "\n"
            << "base model in " << p.base_type << ", " << p.machine.at("threads").get<int>() << " threads, libtorch "
            << p.machine.at("libtorch").get<std::string>() << ", " << p.machine.at("build").get<std::string>() << " build\n\n"
            << phases_text(p, per, columns) << "\n"
            << operations_text(p, per, num_rows, columns)
            << "\nTimes of an operation leave out what it calls. Listening costs time too: compare\nshares, not sums with other runs.\n";
}

int profile(const ProfileOptions& o) {
  const lab::ProfileRequest request{read_experiment(o.experiment), o.num_warm_up, o.num_steps};
  RunDisplay display(o.quiet);
  const auto found = lab::profile_experiment(request, display);
  display.end();
  if (o.json) {
    std::cout << lab::to_json(found).dump(2) << "\n";
  } else {
    print(found, static_cast<size_t>(o.num_rows));
  }
  return kDone;
}

}  // namespace

void add_profile(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("profile", "Show where the time and memory of a training step go");
  auto o = std::make_shared<ProfileOptions>();
  add_experiment_options(*verb, o->experiment);
  verb->add_option("--steps", o->num_steps, "steps to look at")->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_option("--warm-up", o->num_warm_up, "steps before them")->check(CLI::NonNegativeNumber)->capture_default_str();
  verb->add_option("--top", o->num_rows, "operations to list")->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_flag("--json", o->json, "print one JSON object with every operation");
  verb->add_flag("--quiet", o->quiet, "no progress");
  set_example(*verb, "peftlab profile experiments/roads_lora.json --steps 5");
  verb->callback([o, &action] { action = [o] { return profile(*o); }; });
}

}  // namespace peftlab::cli
