// What a method is able to do, found by trying it on a toy model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plugin/library.h"

namespace peftlab::check {

/// What was found with the method's default options; those that must be given get a value that fits their kind.
struct Probe {
  /// "matrices", "parameters", "table", "virtual tokens", "prefix", each once, in this order.
  std::vector<std::string> fills;
  bool mergeable = false;          // its weights can be folded into the model's
  std::string peft_type;           // of the adapter it writes; "" where PEFT has no such method
  bool reads_peft = false;         // and it reads such adapters
  bool on_quantised_base = false;  // trains where the base's matrices are kept in four bits
  std::string model;               // the kind it was tried on
  std::string failure;             // why it could not be tried; then nothing above is known
};

/// Runs the method's code. Never throws for what the method does.
Probe probe_method(const plugin::MethodLibrary& library);

}  // namespace peftlab::check
