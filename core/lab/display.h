// What a run tells while it works. How it is shown is the command line's affair.
#pragma once

#include <string>

#include "core/train/trainer.h"

namespace peftlab::lab {

class Display {
 public:
  virtual ~Display() = default;
  /// A new phase begins; `total` items, or 0.
  virtual void phase(const std::string& /*title*/, int64_t /*total*/) {}
  virtual void progress(int64_t /*done*/) {}
  virtual void step(const train::StepReport&) {}
  /// Something worth a line of its own.
  virtual void note(const std::string&) {}
};

}  // namespace peftlab::lab
