#include "core/cli/program.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <malloc.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/help_format.h"
#include "core/cli/tensor_memory.h"
#include "core/io/json.h"
#include "core/lab/version.h"
#include "peftlab/error.h"

namespace peftlab::cli {
namespace {

/// Big temporaries stay with the process: giving them back to the system and asking again costs more than half of a step.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
}

void set_threads() {
  const char* wanted = std::getenv("PEFTLAB_THREADS");
  if (wanted == nullptr) return;
  const int count = std::atoi(wanted);
  if (count < 1) throw ConfigError(std::string("PEFTLAB_THREADS is '") + wanted + "', expected a number of threads, at least 1");
  at::set_num_threads(count);
}

/// CLI11 takes a word that is no verb for one too many and says only that a verb is missing.
void refuse_unknown_verb(CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const auto* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (std::find(verbs.begin(), verbs.end(), argv[1]) != verbs.end()) return;
  const std::string near = io::nearest(argv[1], verbs);
  throw ConfigError(std::string("'").append(argv[1]).append("' is not a verb") +
                    (near.empty() ? std::string("; peftlab --help lists them") : "; did you mean '" + near + "'?"));
}

int report(const std::exception& error, int status) {
  std::cerr << "peftlab: " << error.what() << "\n";
  return status;
}

}  // namespace

int run_program(int argc, char** argv) {
  keep_freed_memory();
  take_tensors_from_malloc();
  CLI::App app{"peftlab compares parameter-efficient fine-tuning methods on a model and a task of yours.", "peftlab"};
  app.set_version_flag("--version", std::string("peftlab ") + lab::kVersion);
  app.require_subcommand(1);
  app.formatter(help_format());
  app.failure_message(CLI::FailureMessage::simple);
  Action action;
  for (auto add : {add_run, add_compare, add_plan, add_sweep, add_index, add_table, add_report, add_profile, add_bench, add_estimate, add_data, add_methods,
                   add_check, add_new_method, add_inspect, add_generate, add_chat, add_export, add_merge, add_quantize, add_tokenize, add_render, add_forward,
                   add_schema, add_completion}) {
    add(app, action);
  }
  set_example(app, "peftlab run experiments/roads_lora.json");
  try {
    refuse_unknown_verb(app, argc, argv);
    app.parse(argc, argv);
    set_threads();
    return action();
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? kDone : kMistake;
  } catch (const ConfigError& error) {
    return report(error, kMistake);
  } catch (const c10::Error& error) {
    std::cerr << "peftlab: " << error.what_without_backtrace() << "\n";
    return kFailed;
  } catch (const std::exception& error) {
    return report(error, kFailed);
  }
}

void set_example(CLI::App& verb, const std::string& lines) { verb.footer("Example:\n  " + lines); }

}  // namespace peftlab::cli
