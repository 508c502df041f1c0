// Runs a parsed template.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/filters.h"

namespace peftlab::text::jinja {

/// One rendering. Everything a template makes lives as long as it.
class Evaluator {
 public:
  /// REQUIRES: the tree outlives the evaluator.
  explicit Evaluator(Runtime runtime);

  void set(const std::string& name, Value value) { (*scope_)[name] = std::move(value); }
  /// Throws Failure; line() says where.
  std::string render(const Body& body);
  int line() const { return line_; }

  /// What stood between generation marks, as [begin, end) bytes of the result; and whether a mark stood where its place
  /// in the result is not known.
  const std::vector<std::pair<size_t, size_t>>& generated() const { return generated_; }
  bool lost_generated() const { return lost_generated_; }

 private:
  /// Variables of a template, a loop's turn, a macro's call …, inner ones hiding outer ones.
  struct Scope {
    std::shared_ptr<Scope> parent;
    std::map<std::string, Value, std::less<>> variables;
    Value& operator[](const std::string& name) { return variables[name]; }
  };
  struct Macro {
    const Statement* source;
    std::shared_ptr<Scope> scope;
  };
  enum class Flow { on, leave, next };
  class Inner;  // opens a scope
  class Deeper;

  Flow run(const Body& body);
  Flow run(const Statement& statement);
  Flow run_choice(const Statement& statement);
  Flow run_loop(const Statement& statement);
  Flow run_capture(const Statement& statement);
  Flow run_filter(const Statement& statement);
  void assign_all(const Statement& statement);
  void run_call(const Statement& statement);
  Flow run_generation(const Statement& statement);
  bool passes(const Statement& statement, const Value& item);
  /// The text that a body makes.
  std::string captured(const Body& body, Flow& flow);
  void put(std::string_view text);
  void assign(const Target& target, const Value& value);

  Value evaluate(const Expression& expression);
  Value evaluate_operator(const Expression& expression);
  Value evaluate_comparison(const Expression& expression);
  Value evaluate_literal(const Expression& expression);
  Value evaluate_slice(const Expression& expression);
  Value concatenated(const Expression& expression);
  Value variable(const std::string& name);
  Arguments arguments(const Expression& expression, const std::string& callee);
  Value call(const Expression& expression, const Value* caller);
  Value call_function(const Function& function, Arguments& arguments);
  Value call_macro(const Macro& macro, Arguments& arguments);
  Value make_namespace(Arguments& arguments);
  /// `input` is what a filter chain that begins with nothing works on.
  Value filtered(const Expression& expression, const Value& input);

  Runtime runtime_;
  std::shared_ptr<Scope> scope_;
  std::deque<Space> spaces_;
  std::deque<Macro> macros_;
  std::string* out_ = nullptr;
  std::vector<std::pair<size_t, size_t>> generated_;
  size_t captures_ = 0;
  size_t depth_ = 0;
  int line_ = 1;
  bool lost_generated_ = false;
};

}  // namespace peftlab::text::jinja
