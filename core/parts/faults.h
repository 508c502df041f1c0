// What is wrong with the options of one method on a model, gathered so that it is told at once.
#pragma once

#include <string>
#include <vector>

#include "peftlab/error.h"
#include "peftlab/points.h"

namespace peftlab {

class Faults {
 public:
  /// The lines of a ConfigError that the call throws are kept; whether it throws none. With `option`, what is said of
  /// "targets" is said of that option, which gave the names.
  template <typename Call>
  bool keep(Call call, const std::string& option = "targets") {
    try {
      call();
      return true;
    } catch (const PluginError&) {
      throw;
    } catch (const ConfigError& error) {
      add(error.what(), option);
      return false;
    }
  }

  void add(const std::string& lines, const std::string& option = "targets");
  bool empty() const { return lines_.empty(); }
  /// Throws ConfigError, one fault a line.
  void throw_if_any() const;

 private:
  std::string lines_;
};

/// InjectionPoints::weights; where that has faults, they are kept, and what is found is what each name means by itself.
std::vector<const FrozenLinear*> found_weights(const InjectionPoints& points, const Targets& targets, Faults& faults);

/// The last part of a module's path.
std::string last_part(const std::string& module);

}  // namespace peftlab
