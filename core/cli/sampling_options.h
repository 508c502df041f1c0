// The options that decide how tokens are chosen, shared by the verbs that generate.
#pragma once

#include <CLI/CLI.hpp>

#include "core/evaluate/generate.h"

namespace peftlab::cli {

struct SamplingOptions {
  double temperature = 0.0;  // 0: greedy
  int64_t top_k = 0;
  double top_p = 1.0;
  double repetition_penalty = 1.0;
  uint64_t seed = 0;
  int64_t max_new_tokens = 256;

  void add_to(CLI::App& verb);
  evaluate::GenerateOptions options() const;
};

}  // namespace peftlab::cli
