// An adapter folded into its base model, so that the result is a plain model.
#pragma once

#include <filesystem>
#include <vector>

#include "core/lab/method_set.h"
#include "core/model/decoder.h"

namespace peftlab::lab {

/// A model in memory, ready to be written.
struct MergedModel {
  model::DecoderSpec spec;
  Tensors tensors;                   // all, by Hugging Face name, in the decoder's type or a trained tensor's
  std::vector<std::string> changed;  // names of those that differ from the base model
  bool untied_head = false;          // the head was the embedding table and is a matrix of its own now
};

/// The weights that compute what `decoder` computes with `methods` on it. REQUIRES: `methods` are on `decoder`. Throws ConfigError
/// naming every method, and what it fills, that no weight can hold.
MergedModel merged_model(const model::Decoder& decoder, const MethodSet& methods);

/// How far a merged model is from the model with its adapter.
struct MergeCheck {
  double largest_change = 0.0;   // of a logit, merged against unmerged
  double adapter_change = 0.0;   // of a logit, unmerged against the base model
  double largest_logit = 0.0;    // of the unmerged model
  int64_t num_tokens = 0;        // looked at
};

/// Compares logits after each token of `prompts`, all on the CPU. `decoder` has the adapter on it. REQUIRES: no prompt is empty.
MergeCheck check_merged(model::Decoder& decoder, const model::Decoder& merged, const std::vector<std::vector<int64_t>>& prompts);

}  // namespace peftlab::lab
