// What the two halves of the evaluator share.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/text/jinja/evaluator.h"

namespace peftlab::text::jinja {

/// How deep calls and nesting together may go: bounded by the stack.
constexpr size_t kMaxRunDepth = 600;

class Evaluator::Deeper {
 public:
  explicit Deeper(Evaluator& evaluator) : evaluator_(evaluator) {
    evaluator.runtime_.budget.spend();
    if (evaluator.depth_ >= kMaxRunDepth) throw Failure("macros and expressions are nested too deep");
    ++evaluator.depth_;
  }
  ~Deeper() { --evaluator_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Evaluator& evaluator_;
};

class Evaluator::Inner {
 public:
  explicit Inner(Evaluator& evaluator) : Inner(evaluator, evaluator.scope_) {}
  /// Of a macro: inside the scope where it was defined.
  Inner(Evaluator& evaluator, std::shared_ptr<Scope> parent) : evaluator_(evaluator), outer_(evaluator.scope_) {
    evaluator.runtime_.budget.spend(4);
    evaluator.scope_ = std::make_shared<Scope>(Scope{std::move(parent), {}});
  }
  ~Inner() { evaluator_.scope_ = outer_; }
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;

 private:
  Evaluator& evaluator_;
  std::shared_ptr<Scope> outer_;
};

}  // namespace peftlab::text::jinja
