// Holds a method to every promise.
#pragma once

#include <string>
#include <vector>

#include "core/check/promise.h"
#include "core/check/trials.h"

namespace peftlab::check {

enum class Verdict { kept, broken, untried };

struct Line {
  const Promise* promise = nullptr;
  Verdict verdict = Verdict::untried;
  Finding finding;         // over all trials
  std::string reason;      // of what was not tried
  int64_t num_trials = 0;  // that had something to compare
};

struct Report {
  std::string method;
  std::vector<Line> lines;  // one a promise
  std::vector<std::string> trials, refused;
  double seconds = 0.0;
  bool kept() const;
};

/// Tries every promise on every trial. `options` is an object without the key "name"; `models` as in trials_of(). What
/// a method throws on the way breaks the promise that was tried. Throws ConfigError when the method cannot be tried at
/// all.
Report check_method(const plugin::MethodLibrary& library, const io::Json& options,
                    const std::vector<std::string>& models);

}  // namespace peftlab::check
