#include <iterator>
#include <optional>

#include "core/text/jinja/evaluator_parts.h"

namespace peftlab::text::jinja {

namespace {

/// The fields of `loop`, in a fixed order so that each turn only changes values.
class LoopFields {
 public:
  LoopFields(Space& space, const List& items) : space_(space), items_(items) {
    for (const char* name : {"index", "index0", "revindex", "revindex0", "first", "last", "previtem", "nextitem"})
      space_.fields.entries.emplace_back(Value(name), Value());
    const auto constant = [&](const char* name, Value value) {
      space_.fields.entries.emplace_back(name, std::move(value));
    };
    constant("length", static_cast<int64_t>(items.size()));
    constant("depth", int64_t{1});
    constant("depth0", int64_t{0});
    constant("cycle", Value::function({Function::Sort::global, "loop.cycle", Value::loop(space), 0}));
    constant("changed", Value::function({Function::Sort::global, "loop.changed", {}, 0}));
  }

  Value turn(size_t i) {
    const auto at = static_cast<int64_t>(i), left = static_cast<int64_t>(items_.size() - i);
    const bool first = i == 0, last = left == 1;
    const Value values[] = {at + 1,
                            at,
                            left,
                            left - 1,
                            first,
                            last,
                            first ? Value::undefined("there is no previous item") : items_[i - 1],
                            last ? Value::undefined("there is no next item") : items_[i + 1]};
    for (size_t field = 0; field < std::size(values); ++field) space_.fields.entries[field].second = values[field];
    return Value::loop(space_);
  }

 private:
  Space& space_;
  const List& items_;
};

}  // namespace

Evaluator::Evaluator(Runtime runtime) : runtime_(std::move(runtime)), scope_(std::make_shared<Scope>()) {}

std::string Evaluator::render(const Body& body) {
  std::string text;
  out_ = &text;
  run(body);
  out_ = nullptr;
  return text;
}

void Evaluator::put(std::string_view text) {
  runtime_.budget.spend(1 + text.size() / 64);
  if (text.size() > runtime_.budget.max_bytes() - out_->size()) runtime_.budget.make(runtime_.budget.max_bytes() + 1);
  out_->append(text);
}

std::string Evaluator::captured(const Body& body, Flow& flow) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  ++captures_;
  // A failure ends the rendering, so what it would leave behind here is never looked at.
  flow = run(body);
  --captures_;
  out_ = outer;
  return text;
}

Evaluator::Flow Evaluator::run(const Body& body) {
  for (const auto& statement : body) {
    const Flow flow = run(*statement);
    if (flow != Flow::on) return flow;
  }
  return Flow::on;
}

Evaluator::Flow Evaluator::run(const Statement& statement) {
  const Deeper deeper(*this);
  line_ = statement.line;
  switch (statement.verb) {
    case Verb::text:
      put(statement.text);
      return Flow::on;
    case Verb::print:
      put(to_text(evaluate(*statement.value), runtime_.budget));
      return Flow::on;
    case Verb::choose:
      return run_choice(statement);
    case Verb::loop:
      return run_loop(statement);
    case Verb::set:
      assign(statement.target, evaluate(*statement.value));
      return Flow::on;
    case Verb::capture:
      return run_capture(statement);
    case Verb::macro:
      runtime_.budget.spend(4);
      macros_.push_back({&statement, scope_});
      (*scope_)[statement.text] = Value::function({Function::Sort::macro, statement.text, {}, macros_.size() - 1});
      return Flow::on;
    case Verb::call:
      run_call(statement);
      return Flow::on;
    case Verb::filter:
      return run_filter(statement);
    case Verb::with: {
      const Inner inner(*this);
      assign_all(statement);
      return run(statement.body);
    }
    case Verb::generation:
      return run_generation(statement);
    case Verb::leave:
      return Flow::leave;
    case Verb::next:
      return Flow::next;
  }
  return Flow::on;
}

Evaluator::Flow Evaluator::run_choice(const Statement& statement) {
  for (const Branch& branch : statement.branches)
    if (!branch.condition || evaluate(*branch.condition).truth()) return run(branch.body);
  return Flow::on;
}

bool Evaluator::passes(const Statement& statement, const Value& item) {
  const Inner inner(*this);
  assign(statement.target, item);
  return evaluate(*statement.condition).truth();
}

Evaluator::Flow Evaluator::run_loop(const Statement& statement) {
  List items = elements(evaluate(*statement.value), runtime_.budget);
  // `loop` looks ahead and counts, so then all conditions come first; otherwise each one just before its turn.
  if (statement.condition && statement.names_loop)
    items.erase(std::remove_if(items.begin(), items.end(), [&](const Value& item) { return !passes(statement, item); }),
                items.end());
  std::optional<LoopFields> fields;
  if (statement.names_loop) fields.emplace(spaces_.emplace_back(), items);
  bool finished_one = false;  // Jinja's else runs unless a turn reached its end
  for (size_t i = 0; i < items.size(); ++i) {
    if (statement.condition && !statement.names_loop && !passes(statement, items[i])) continue;
    const Inner inner(*this);
    if (fields) set("loop", fields->turn(i));
    assign(statement.target, items[i]);
    const Flow flow = run(statement.body);
    if (flow == Flow::leave) break;
    finished_one = finished_one || flow == Flow::on;
  }
  if (finished_one || statement.otherwise.empty()) return Flow::on;
  const Inner inner(*this);
  return run(statement.otherwise);
}

Evaluator::Flow Evaluator::run_capture(const Statement& statement) {
  Flow flow = Flow::on;
  Value value;
  {
    const Inner inner(*this);
    value = captured(statement.body, flow);
    if (flow != Flow::on) return flow;
    if (statement.value) value = filtered(*statement.value, value);
  }
  assign(statement.target, value);
  return Flow::on;
}

Evaluator::Flow Evaluator::run_filter(const Statement& statement) {
  const Inner inner(*this);
  Flow flow = Flow::on;
  const Value value = captured(statement.body, flow);
  if (flow != Flow::on) return flow;
  put(to_text(filtered(*statement.value, value), runtime_.budget));
  return Flow::on;
}

void Evaluator::assign_all(const Statement& statement) {
  // All values are computed before any name is set, outside of the new scope.
  std::vector<Value> values;
  const auto inside = std::exchange(scope_, scope_->parent);
  for (const auto& assignment : statement.assignments) values.push_back(evaluate(*assignment.second));
  scope_ = inside;
  for (size_t i = 0; i < values.size(); ++i) assign(statement.assignments[i].first, values[i]);
}

void Evaluator::run_call(const Statement& statement) {
  runtime_.budget.spend(4);
  macros_.push_back({&statement, scope_});
  const Value caller = Value::function({Function::Sort::macro, "caller", {}, macros_.size() - 1});
  put(to_text(call(*statement.value, &caller), runtime_.budget));
}

Evaluator::Flow Evaluator::run_generation(const Statement& statement) {
  const Inner inner(*this);
  if (captures_ > 0) lost_generated_ = true;
  const size_t begin = out_->size();
  run(statement.body);
  if (captures_ == 0) generated_.emplace_back(begin, out_->size());
  return Flow::on;
}

void Evaluator::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const List items = elements(value, runtime_.budget);
    if (items.size() != target.parts.size())
      throw Failure("cannot unpack " + std::to_string(items.size()) + " values into " +
                    std::to_string(target.parts.size()));
    for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
    return;
  }
  if (target.field.empty()) {
    (*scope_)[target.name] = value;
    return;
  }
  const Value space = variable(target.name);
  require_defined(space);
  if (!space.is(Kind::space)) throw Failure("'" + target.name + "' is no namespace; its fields cannot be set");
  if (target.field[0] == '_') throw Failure("the field '" + target.field + "' begins with '_': it is not allowed");
  runtime_.budget.spend(1 + space.space().fields.entries.size());
  space.space().fields.set(target.field, value);
}

}  // namespace peftlab::text::jinja
