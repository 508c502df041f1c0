#include "core/train/operation_log.h"

#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace peftlab::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }

/// Without the words that libtorch puts around the name of a node of the backward pass.
std::string plain_name(std::string name, at::RecordScope scope) {
  if (name.starts_with("autograd::engine::")) return "engine";
  const std::string kNode = "CppNode<";
  if (const size_t at = name.find(kNode); at != std::string::npos && name.ends_with('>')) {
    name = name.substr(at + kNode.size(), name.size() - at - kNode.size() - 1);
    if (const size_t colon = name.rfind("::"); colon != std::string::npos) name = name.substr(colon + 2);
  }
  const bool says_so = name.find("Backward") != std::string::npos;
  return scope == at::RecordScope::BACKWARD_FUNCTION && !says_so ? name + ", backward" : name;
}

}  // namespace

struct OperationLog::Listener {
  /// A call that has not returned.
  struct Open {
    std::string name;
    bool is_phase = false;
    Clock::time_point begin;
    double seconds_of_calls = 0.0;  // made by it
    int64_t bytes = 0;
  };

  OperationCosts costs;
  std::vector<Open> stack;
  std::string phase;
  int64_t held = 0;

  /// libtorch's callbacks are plain functions: this is where they find whom to tell.
  static thread_local Listener* current;

  void begin(const at::RecordFunction& function) {
    Open open{plain_name(function.name(), function.scope()), false, {}, 0.0, 0};
    open.is_phase = function.scope() == at::RecordScope::USER_SCOPE && phase.empty();
    if (open.is_phase) enter(open.name);
    open.begin = Clock::now();
    stack.push_back(std::move(open));
  }

  void end() {
    if (stack.empty()) return;  // begun before the log
    const Open open = std::move(stack.back());
    stack.pop_back();
    const double seconds = seconds_between(open.begin, Clock::now());
    auto& cost = costs.operations[{phase, open.is_phase ? std::string("other") : open.name}];
    ++cost.num_calls;
    cost.seconds += seconds - open.seconds_of_calls;
    cost.bytes_allocated += open.bytes;
    if (!stack.empty()) stack.back().seconds_of_calls += seconds;
    if (!open.is_phase) return;
    auto& whole = costs.phases[open.name];
    ++whole.num_calls;
    whole.seconds += seconds;
    phase.clear();
  }

  void enter(const std::string& name) {
    phase = name;
    auto& cost = costs.phases[name];
    cost.peak_bytes = std::max(cost.peak_bytes, held);
  }

  void allocated(int64_t bytes) {
    held += bytes;
    auto& cost = costs.phases[phase];
    cost.peak_bytes = std::max(cost.peak_bytes, held);
    if (bytes <= 0) return;
    cost.bytes_allocated += bytes;
    if (!stack.empty()) stack.back().bytes += bytes;
  }
};

thread_local OperationLog::Listener* OperationLog::Listener::current = nullptr;

namespace {

/// Is told of every allocation of the thread.
class MemoryReports final : public c10::MemoryReportingInfoBase {
 public:
  explicit MemoryReports(std::function<void(int64_t)> allocated) : allocated_(std::move(allocated)) {}
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override { allocated_(bytes); }
  bool memoryProfilingEnabled() const override { return true; }

 private:
  std::function<void(int64_t)> allocated_;
};

}  // namespace

struct OperationLog::Attached {
  at::CallbackHandle calls;
  c10::DebugInfoGuard memory;
};

OperationLog::OperationLog() : listener_(std::make_unique<Listener>()) {
  auto* listener = listener_.get();
  Listener::current = listener;
  const auto calls = at::addThreadLocalCallback(at::RecordFunctionCallback(
      [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
        if (Listener::current != nullptr) Listener::current->begin(function);
        return nullptr;
      },
      [](const at::RecordFunction&, at::ObserverContext*) {
        if (Listener::current != nullptr) Listener::current->end();
      }));
  const auto reports = std::make_shared<MemoryReports>([listener](int64_t bytes) { listener->allocated(bytes); });
  attached_ = std::unique_ptr<Attached>(new Attached{calls, {c10::DebugInfoKind::PROFILER_STATE, reports}});
}

OperationLog::~OperationLog() {
  at::removeCallback(attached_->calls);
  Listener::current = nullptr;
}

const OperationCosts& OperationLog::costs() const { return listener_->costs; }

}  // namespace peftlab::train
