// Turning logits into the next token: greedy, or sampled as transformers' `generate` defines it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace peftlab::evaluate {

/// All neutral: greedy. The processors act in this order: repetition penalty, temperature, top-k, top-p.
struct Sampling {
  bool greedy = true;
  double repetition_penalty = 1.0;  // logits of tokens already there: divided if positive, multiplied if negative
  double temperature = 1.0;
  int64_t top_k = 0;                // keeps the k best and all ties of the k-th; 0: all
  double top_p = 1.0;               // keeps the most probable tokens until they hold this share, the one that crosses it included
};

/// Logits after the processors: logits (V), `previous` the ids of prompt and continuation -> (V) float32, what is left out at
/// minus infinity. Source: transformers 5, `logits_process.py`.
torch::Tensor process_logits(const torch::Tensor& logits, const std::vector<int64_t>& previous, const Sampling& sampling);

/// The next token of one sequence. `random`: uniform in [0, 1), used when sampling.
int64_t choose_token(const torch::Tensor& logits, const std::vector<int64_t>& previous, const Sampling& sampling, double random);

}  // namespace peftlab::evaluate
