// The tree a template is parsed into.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/text/jinja/value.h"

namespace peftlab::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Argument {
  std::string keyword;  // "": by position
  ExpressionPtr value;
};

enum class Op {
  constant,     // value
  name,         // name
  list,         // parts
  tuple,        // parts
  dict,         // parts: key, value, key, value …
  attribute,    // parts[0] . name
  item,         // parts[0] [parts[1]]
  slice,        // parts[0] [parts[1] : parts[2] : parts[3]], each of the three may be null
  call,         // parts[0] (arguments)
  filter,       // parts[0] | name(arguments); parts[0] is null for what a block gives
  test,         // parts[0] is name(arguments)
  negation,     // not parts[0]
  conjunction,  // parts[0] and parts[1]
  disjunction,  // parts[0] or parts[1]
  condition,    // parts[0] if parts[1] else parts[2]; parts[2] may be null
  minus,        // - parts[0]
  plus,         // + parts[0]
  arithmetic,   // parts[0] name parts[1], name: + - * / // % **
  concat,       // parts[0] ~ parts[1] ~ …
  comparison,   // parts[0] names[0] parts[1] names[1] parts[2] …
};

struct Expression {
  Op op = Op::constant;
  int line = 1;
  Value value;
  std::string name;
  std::vector<std::string> names;
  std::vector<ExpressionPtr> parts;
  std::vector<Argument> arguments;
  size_t depth = 1;  // of the tree below, bounded by the parser
};

struct Statement;
using Body = std::vector<std::unique_ptr<const Statement>>;

/// What `set`, `for` and `with` assign to.
struct Target {
  std::string name;           // a variable, or the namespace of `field`
  std::string field;          // "" unless namespace.field
  std::vector<Target> parts;  // a tuple, when not empty
};

struct Parameter {
  std::string name;
  ExpressionPtr fallback;  // null: none
};

struct Branch {
  ExpressionPtr condition;  // null: else
  Body body;
};

enum class Verb {
  text,        // text
  print,       // value
  choose,      // branches
  loop,        // for target in value if condition: body, otherwise
  set,         // target = value
  capture,     // target = body | value; value may be null
  macro,       // text is the name; parameters, body
  call,        // value is a call; parameters and body make its `caller`
  filter,      // body | value
  with,        // targets = values, body
  leave,       // break
  next,        // continue
  generation,  // body
};

struct Statement {
  Verb verb = Verb::text;
  int line = 1;
  std::string text;
  ExpressionPtr value, condition;
  Target target;
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  std::vector<Parameter> parameters;
  std::vector<Branch> branches;
  Body body, otherwise;
  bool names_loop = false;                                                 // of loops: the body names `loop`
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  // of macros: the body names them
};

struct Template {
  Body body;
  bool marks_generation = false;
};

}  // namespace peftlab::text::jinja
