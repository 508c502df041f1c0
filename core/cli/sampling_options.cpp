#include "core/cli/sampling_options.h"

namespace peftlab::cli {

void SamplingOptions::add_to(CLI::App& verb) {
  verb.add_option("--temperature", temperature, "0 takes the best token each time; above 0 samples")
      ->check(CLI::Range(0.0, 100.0))->capture_default_str();
  verb.add_option("--top-k", top_k, "sample from the k best tokens; 0: all")->check(CLI::Range(int64_t{0}, int64_t{1} << 30))->capture_default_str();
  verb.add_option("--top-p", top_p, "sample from the most probable tokens that hold this share")
      ->check(CLI::Range(0.0, 1.0))->capture_default_str();
  verb.add_option("--repetition-penalty", repetition_penalty, "above 1 makes tokens that are there already less likely")
      ->check(CLI::Range(0.01, 100.0))->capture_default_str();
  verb.add_option("--seed", seed, "of the sampling")->capture_default_str();
  verb.add_option("--max-new-tokens", max_new_tokens, "tokens of an answer at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))->capture_default_str();
}

evaluate::GenerateOptions SamplingOptions::options() const {
  evaluate::GenerateOptions options;
  options.max_new_tokens = max_new_tokens;
  options.seed = seed;
  const bool greedy = temperature == 0.0;
  options.sampling = {greedy, repetition_penalty, greedy ? 1.0 : temperature, top_k, top_p};
  return options;
}

}  // namespace peftlab::cli
