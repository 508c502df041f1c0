// Continuing many prompts at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/evaluate/sampling.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"

namespace peftlab::evaluate {

struct GenerateOptions {
  int64_t max_new_tokens = 128;
  int64_t batch_size = 32;             // sequences continued together
  std::vector<int64_t> end_ids;        // a sequence ends with any of these; empty: never
  std::vector<std::string> stop;       // and where its text holds any of these
  Sampling sampling;
  uint64_t seed = 0;                   // of the sampling stream
  std::function<void(int64_t done)> progress;              // prompts finished
  std::function<void(const std::string& piece)> stream;    // text as it comes; for one prompt only
  std::function<bool()> cancelled;                         // asked before each token; true: what is there is returned
};

struct Generated {
  std::vector<int64_t> ids;  // of the continuation, the end id included
  std::string text;          // decoded, special tokens left out
  bool ended = false;        // by an end id or a stop string, not by the limit
};

/// Continues each prompt, in the order given. What all prompts begin with is computed once, prompts are not padded, and
/// sequences that have ended leave the batch. `tokenizer` may be nullptr: then there is no text and no stop string.
/// REQUIRES: no prompt is empty.
std::vector<Generated> generate(const model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                const std::vector<std::vector<int64_t>>& prompts, const GenerateOptions& options);

}  // namespace peftlab::evaluate
