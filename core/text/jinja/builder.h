// Makes the nodes of expressions.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/lexer.h"

namespace peftlab::text::jinja {

/// How deep a tree, and what is written in a template, may be nested.
constexpr size_t kMaxNesting = 200;

/// Builds one node and keeps count of the depth of the tree; throws SyntaxError when it is too deep.
class Builder {
 public:
  Builder(Op op, int line) : made_(std::make_unique<Expression>()) {
    made_->op = op;
    made_->line = line;
  }
  Builder& name(std::string name) {
    made_->name = std::move(name);
    return *this;
  }
  Builder& value(Value value) {
    made_->value = std::move(value);
    return *this;
  }
  Builder& part(ExpressionPtr part) {
    if (part) deepen(*part);
    made_->parts.push_back(std::move(part));
    return *this;
  }
  Builder& arguments(std::vector<Argument> arguments) {
    for (const Argument& argument : arguments) deepen(*argument.value);
    made_->arguments = std::move(arguments);
    return *this;
  }
  Builder& sign(std::string sign) {
    made_->names.push_back(std::move(sign));
    return *this;
  }
  ExpressionPtr done() { return std::move(made_); }

 private:
  void deepen(const Expression& part) {
    made_->depth = std::max(made_->depth, part.depth + 1);
    if (made_->depth > kMaxNesting)
      throw SyntaxError{made_->line, "an expression is nested more than " + std::to_string(kMaxNesting) + " deep"};
  }

  std::unique_ptr<Expression> made_;
};

}  // namespace peftlab::text::jinja
