// Strict, typed reading of a method's options in an experiment file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peftlab/error.h"
#include "peftlab/value.h"

namespace peftlab {

/// What a number may be: least <= x <= most, or least < x / x < most with `above` / `below`.
struct Within {
  double least = -1e300;
  double most = 1e300;
  bool above = false;
  bool below = false;
};

/// Which modules a method fills, as PEFT's `target_modules` says it.
struct Targets {
  /// A module matches a name if it equals it or ends in "." + name.
  std::vector<std::string> names;
  /// When not empty, instead of names: a regular expression that must match the whole module name.
  std::string regex;
  /// Every linear layer but the output head.
  bool all_linear = false;
  /// Names or, when one entry, a regular expression of what is left out again.
  std::vector<std::string> exclude;
  /// Layer numbers to keep; empty: all.
  std::vector<int64_t> layers;
};

/// Every key a method reads is declared by reading it: name, default, range, meaning. From that come the checks, the help
/// of `peftlab methods` and the JSON schema. A key nobody read is an error that names the nearest key; all mistakes are told
/// at once, after the method's constructor has returned, so a constructor goes on with the fallback it gets.
class Options {
 public:
  struct State;
  explicit Options(std::shared_ptr<State> state);
  ~Options();

  /// Whether the key is given and not null.
  bool has(const std::string& key) const;

  int64_t integer(const std::string& key, int64_t fallback, const std::string& about, Within within = {});
  double number(const std::string& key, double fallback, const std::string& about, Within within = {});
  bool flag(const std::string& key, bool fallback, const std::string& about);
  std::string text(const std::string& key, const std::string& fallback, const std::string& about);
  std::string choice(const std::string& key, const std::string& fallback, const std::vector<std::string>& choices,
                     const std::string& about);
  std::vector<std::string> texts(const std::string& key, const std::vector<std::string>& fallback, const std::string& about);
  std::vector<int64_t> integers(const std::string& key, const std::vector<int64_t>& fallback, const std::string& about);
  /// An object of numbers, in the order of the file.
  std::vector<std::pair<std::string, double>> numbers(const std::string& key, const std::string& about);
  /// A list of module names, a regular expression (a text), or "all-linear"; with the keys `exclude` and `layers` beside it.
  Targets targets(const std::string& key, const Targets& fallback, const std::string& about);
  /// Any value, checked by the method; null when absent.
  Value any(const std::string& key, const std::string& about);

  /// Adds a mistake at `key`.
  void mistake(const std::string& key, const std::string& message);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace peftlab
