#include "core/text/jinja/evaluator_parts.h"

namespace peftlab::text::jinja {

namespace {

bool holds(const std::string& sign, const Value& a, const Value& b, Budget& budget) {
  if (sign == "in") return contains(b, a, budget);
  if (sign == "not in") return !contains(b, a, budget);
  budget.spend(std::min(a.extent().weight, b.extent().weight));
  if (sign == "==") return equal(a, b);
  if (sign == "!=") return !equal(a, b);
  const int order = compare(a, b);
  if (sign == "<") return order == -1;
  if (sign == "<=") return order == -1 || order == 0;
  if (sign == ">") return order == 1;
  return order == 1 || order == 0;
}

/// Names that mean something in Jinja and are not offered here.
bool is_refused(std::string_view name) {
  return name == "self" || name == "super" || name == "lipsum" || name == "cycler" || name == "joiner";
}

}  // namespace

Value Evaluator::variable(const std::string& name) {
  for (const Scope* scope = scope_.get(); scope; scope = scope->parent.get()) {
    const auto at = scope->variables.find(name);
    if (at != scope->variables.end()) return at->second;
  }
  if (is_global(name)) return Value::function({Function::Sort::global, name, {}, 0});
  if (is_refused(name)) throw Failure("'" + name + "' is not supported");
  return Value::undefined("'" + name + "' is undefined");
}

Value Evaluator::evaluate(const Expression& expression) {
  const Deeper deeper(*this);
  line_ = expression.line;
  switch (expression.op) {
    case Op::constant:
      return expression.value;
    case Op::name:
      return variable(expression.name);
    case Op::list:
    case Op::tuple:
    case Op::dict:
      return evaluate_literal(expression);
    case Op::attribute:
      return attribute(evaluate(*expression.parts[0]), expression.name);
    case Op::item: {
      const Value value = evaluate(*expression.parts[0]);
      return item(value, evaluate(*expression.parts[1]), runtime_);
    }
    case Op::slice:
      return evaluate_slice(expression);
    case Op::call:
      return call(expression, nullptr);
    case Op::filter:
      if (!expression.parts[0]) throw Failure("a filter without a value");
      return filtered(expression, {});
    case Op::test: {
      const Value value = evaluate(*expression.parts[0]);
      Arguments given = arguments(expression, expression.name);
      return apply_test(expression.name, value, given, runtime_);
    }
    default:
      return evaluate_operator(expression);
  }
}

Value Evaluator::evaluate_operator(const Expression& expression) {
  const auto part = [&](size_t i) { return evaluate(*expression.parts[i]); };
  switch (expression.op) {
    case Op::negation:
      return !part(0).truth();
    case Op::conjunction: {
      const Value left = part(0);
      return left.truth() ? part(1) : left;
    }
    case Op::disjunction: {
      const Value left = part(0);
      return left.truth() ? left : part(1);
    }
    case Op::condition:
      if (part(1).truth()) return part(0);
      return expression.parts[2] ? part(2) : Value::undefined("an inline 'if' without 'else' has no value here");
    case Op::minus:
      return negative(part(0));
    case Op::plus: {
      const Value value = part(0);
      return arithmetic("+", int64_t{0}, value, runtime_).is(Kind::real) ? value : Value(value.whole());
    }
    case Op::arithmetic: {
      const Value left = part(0);
      return arithmetic(expression.name, left, part(1), runtime_);
    }
    case Op::concat:
      return concatenated(expression);
    default:
      return evaluate_comparison(expression);
  }
}

Value Evaluator::evaluate_comparison(const Expression& expression) {
  Value left = evaluate(*expression.parts[0]);
  for (size_t i = 0; i < expression.names.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1]);
    if (!holds(expression.names[i], left, right, runtime_.budget)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::concatenated(const Expression& expression) {
  std::string text;
  for (const auto& part : expression.parts) {
    text += to_text(evaluate(*part), runtime_.budget);
    runtime_.budget.make(text.size());
  }
  return text;
}

Value Evaluator::evaluate_literal(const Expression& expression) {
  List items;
  for (const auto& part : expression.parts) items.push_back(evaluate(*part));
  runtime_.budget.make(items.size() * sizeof(Value));
  if (expression.op == Op::list) return Value::list(std::move(items));
  if (expression.op == Op::tuple) return Value::tuple(std::move(items));
  Dict dict;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    runtime_.budget.spend(1 + dict.entries.size() + items[i].extent().weight);
    dict.set(std::move(items[i]), std::move(items[i + 1]));
  }
  return Value::dict(std::move(dict));
}

Value Evaluator::evaluate_slice(const Expression& expression) {
  const Value value = evaluate(*expression.parts[0]);
  Value bounds[3];
  for (size_t i = 0; i < 3; ++i)
    if (expression.parts[i + 1]) bounds[i] = evaluate(*expression.parts[i + 1]);
  return slice(value, &bounds[0], &bounds[1], &bounds[2], runtime_);
}

Arguments Evaluator::arguments(const Expression& expression, const std::string& callee) {
  Arguments given(callee);
  for (const Argument& argument : expression.arguments) {
    Value value = evaluate(*argument.value);
    if (argument.keyword.empty())
      given.add(std::move(value));
    else
      given.add(argument.keyword, std::move(value));
  }
  line_ = expression.line;
  return given;
}

Value Evaluator::filtered(const Expression& expression, const Value& input) {
  const Deeper deeper(*this);
  const Expression* inner = expression.parts[0].get();
  Value value = input;
  if (inner) value = inner->op == Op::filter ? filtered(*inner, input) : evaluate(*inner);
  Arguments given = arguments(expression, expression.name);
  return apply_filter(expression.name, value, given, runtime_);
}

Value Evaluator::call(const Expression& expression, const Value* caller) {
  const Value callee = evaluate(*expression.parts[0]);
  require_defined(callee);
  if (!callee.is(Kind::function))
    throw Failure(std::string("a value of type '") + callee.type_name() + "' cannot be called");
  Arguments given = arguments(expression, callee.function().name);
  if (caller) given.add("caller", *caller);
  return call_function(callee.function(), given);
}

Value Evaluator::call_function(const Function& function, Arguments& given) {
  if (function.sort == Function::Sort::macro) return call_macro(macros_[function.macro], given);
  if (function.sort == Function::Sort::method) return call_method(function.receiver, function.name, given, runtime_);
  if (function.name == "namespace") return make_namespace(given);
  if (function.name == "loop.cycle") {
    const List choices = given.rest();
    given.finish();
    if (choices.empty()) throw Failure("loop.cycle: no items");
    return choices[static_cast<size_t>(function.receiver.space().fields.named("index0")->whole()) % choices.size()];
  }
  return call_global(function.name, given, runtime_);
}

Value Evaluator::make_namespace(Arguments& given) {
  const Value* source = given.next("");
  Space space;
  if (source && !source->is(Kind::dict)) throw Failure("namespace: only a dict and named arguments are supported");
  if (source) space.fields = source->dict();
  for (auto& [name, value] : given.rest_named()) space.fields.set(name, std::move(value));
  given.finish();
  for (const auto& entry : space.fields.entries) {
    if (!entry.first.is(Kind::string)) throw Failure("namespace: a name that is not a str");
    if (entry.first.text().substr(0, 1) == "_")
      throw Failure("namespace: '" + entry.first.text() + "' begins with '_'");
  }
  runtime_.budget.spend(8 + space.fields.entries.size());
  spaces_.push_back(std::move(space));
  return Value::space(spaces_.back());
}

Value Evaluator::call_macro(const Macro& macro, Arguments& given) {
  const Statement& source = *macro.source;
  const Deeper deeper(*this);
  const Inner inner(*this, macro.scope);
  std::vector<const Parameter*> missing;
  for (const Parameter& parameter : source.parameters) {
    if (const Value* value = given.next(parameter.name))
      set(parameter.name, *value);
    else
      missing.push_back(&parameter);
  }
  if (source.takes_caller) {
    const Value* caller = given.named("caller");
    set("caller", caller ? *caller : Value::undefined("there is no caller"));
  }
  if (source.takes_varargs) set("varargs", Value::tuple(given.rest()));
  if (source.takes_kwargs) {
    Dict dict;
    for (auto& [name, value] : given.rest_named()) dict.set(name, std::move(value));
    set("kwargs", Value::dict(std::move(dict)));
  }
  given.finish();
  for (const Parameter* parameter : missing)
    set(parameter->name, parameter->fallback
                             ? evaluate(*parameter->fallback)
                             : Value::undefined("the parameter '" + parameter->name + "' was not given"));
  Flow flow = Flow::on;
  const int line = line_;
  std::string text = captured(source.body, flow);
  line_ = line;
  return text;
}

}  // namespace peftlab::text::jinja
