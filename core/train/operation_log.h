// Where time and memory of the calling thread go: what libtorch does, by phase and operation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace peftlab::train {

/// The phases of a step, as they are recorded.
inline constexpr const char* kForwardPhase = "forward";
inline constexpr const char* kBackwardPhase = "backward";
inline constexpr const char* kOptimizerPhase = "optimizer";

/// One phase, or one operation within a phase.
struct OperationCost {
  int64_t num_calls = 0;
  double seconds = 0.0;         // of an operation: what it called left out
  int64_t bytes_allocated = 0;  // asked for, whether or not given back; of an operation: what it called left out
  int64_t peak_bytes = 0;       // of a phase: the most that tensors held at once, those from before the log left out
};

struct OperationCosts {
  std::map<std::string, OperationCost> phases;                                  // by name; "" is what lies between them
  std::map<std::pair<std::string, std::string>, OperationCost> operations;      // by phase and name
};

/// Listens from its making to its end to what runs on the thread that made it, the backward pass on the processor included.
/// Phases are libtorch's user scopes; an operation is a dispatched call, a node of the backward pass ("X, backward"), or a
/// fused operation that names itself. On CUDA the times are those of launching. REQUIRES: one at a time.
class OperationLog {
 public:
  OperationLog();
  ~OperationLog();
  OperationLog(const OperationLog&) = delete;
  OperationLog& operator=(const OperationLog&) = delete;

  /// What was seen so far; operations that are still running left out.
  const OperationCosts& costs() const;

 private:
  struct Listener;
  struct Attached;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Attached> attached_;
};

}  // namespace peftlab::train
