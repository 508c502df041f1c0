// The verbs of the program. Each adds itself to the parser and, when it was chosen, sets what is to be done.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace peftlab::cli {

/// Does the work of a verb and returns the exit status.
using Action = std::function<int()>;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kMistake = 2;       // the user can mend it
constexpr int kInterrupted = 75;  // the same command goes on

void add_run(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_profile(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_estimate(CLI::App& app, Action& action);
void add_index(CLI::App& app, Action& action);
void add_sweep(CLI::App& app, Action& action);
void add_table(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_methods(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_new_method(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_render(CLI::App& app, Action& action);
void add_forward(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_chat(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_merge(CLI::App& app, Action& action);
void add_quantize(CLI::App& app, Action& action);
void add_schema(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

/// "Example:" at the foot of a verb's help.
void set_example(CLI::App& verb, const std::string& lines);

}  // namespace peftlab::cli
