// What training changed where nothing should have changed: the loss on unrelated text, and the divergence from the base model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/model/decoder.h"

namespace peftlab::evaluate {

/// One kind of text as token windows that are scored apart.
struct ForgettingText {
  std::string kind;  // "prose", "code" ...
  std::vector<std::vector<int64_t>> windows;
};

/// A mean and its interval.
struct Interval {
  double mean = 0.0;
  double low = 0.0;   // 95 %, from the windows as independent draws (Student's t)
  double high = 0.0;
};

struct ForgettingScore {
  std::string kind;             // or "all"
  int64_t num_tokens = 0;       // predicted
  int64_t num_windows = 0;      // the intervals are over so many
  double base_loss = 0.0;       // nats per token
  Interval loss_change;         // tuned - base, nats per token
  Interval divergence;          // KL(base || tuned), nats per token
};

/// Cuts ids into windows of at most `length` tokens; a last window of fewer than two is left out.
std::vector<std::vector<int64_t>> windows_of(const std::vector<int64_t>& ids, int64_t length);

/// Runs every window through the model with its patches off and on: one score for each text, then one over all, in which every
/// token counts the same. Both come from the same windows, so the differences are paired.
std::vector<ForgettingScore> measure_forgetting(model::Decoder& decoder, const std::vector<ForgettingText>& texts,
                                                const std::function<bool()>& cancelled = {});

}  // namespace peftlab::evaluate
