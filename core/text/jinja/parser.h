// From tokens to a tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/lexer.h"

namespace peftlab::text::jinja {

/// Throws SyntaxError: broken syntax, a tag, filter or test that is not supported (named), nesting too deep.
/// REQUIRES: UTF-8.
Template parse(std::string_view source);

/// The tokens and where we are in them; the grammar of expressions. Precedence, weakest first: inline if, or, and, not,
/// comparisons, + -, ~, * / // %, **, unary, postfix (. [] ()), filters and tests.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  ExpressionPtr expression(bool inline_if = true);
  /// Expressions separated by commas make a tuple; `ends` is a name that ends it.
  ExpressionPtr tuple(bool inline_if = true, std::string_view ends = {}, bool in_parentheses = false);
  /// `| name(...) | name(...)` behind nothing: what filters a block. Null when there is none.
  ExpressionPtr block_filters(bool begins_with_name);

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  bool sees(Token::Type type) const { return current().type == type; }
  bool sees_sign(std::string_view sign) const { return sees(Token::Type::sign) && current().text == sign; }
  bool sees_name(std::string_view name) const { return sees(Token::Type::name) && current().text == name; }
  Token take();
  bool take_sign(std::string_view sign);
  bool take_name(std::string_view name);
  void expect_sign(std::string_view sign);
  void expect(Token::Type type, std::string_view what);
  std::string name(std::string_view what);
  [[noreturn]] void fail(const std::string& message) const { throw SyntaxError{current().line, message}; }
  /// What stands here, for messages.
  std::string seen() const;

  /// Counts how deep the parser is; throws SyntaxError when it is too deep.
  class Deeper {
   public:
    explicit Deeper(ExpressionParser& parser);
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    ExpressionParser& parser_;
  };

  /// Every name read as a variable so far, in order; what a macro's body names is asked of it.
  const std::vector<std::string>& variables() const { return variables_; }

 private:
  using Make = ExpressionPtr (ExpressionParser::*)();

  ExpressionPtr disjunction();
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  std::string comparison_sign();
  ExpressionPtr sum();
  ExpressionPtr concat();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr expression);
  ExpressionPtr subscript(ExpressionPtr expression);
  ExpressionPtr dotted(ExpressionPtr expression);
  ExpressionPtr filtered(ExpressionPtr expression);
  ExpressionPtr filter(ExpressionPtr expression);
  ExpressionPtr test(ExpressionPtr expression);
  ExpressionPtr call(ExpressionPtr expression);
  std::vector<Argument> arguments();
  ExpressionPtr arithmetic(Make operand, std::initializer_list<std::string_view> signs);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t depth_ = 0;
  std::vector<std::string> variables_;
};

}  // namespace peftlab::text::jinja
