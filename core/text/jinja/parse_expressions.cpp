// The grammar of operators.
#include <algorithm>
#include <initializer_list>

#include "core/text/jinja/builder.h"
#include "core/text/jinja/parser.h"

namespace peftlab::text::jinja {

ExpressionParser::Deeper::Deeper(ExpressionParser& parser) : parser_(parser) {
  if (parser.depth_ >= kMaxNesting) parser.fail("nested more than " + std::to_string(kMaxNesting) + " deep");
  ++parser.depth_;
}

Token ExpressionParser::take() {
  Token token = current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool ExpressionParser::take_sign(std::string_view sign) {
  if (!sees_sign(sign)) return false;
  take();
  return true;
}

bool ExpressionParser::take_name(std::string_view name) {
  if (!sees_name(name)) return false;
  take();
  return true;
}

void ExpressionParser::expect_sign(std::string_view sign) {
  if (!take_sign(sign)) fail("expected '" + std::string(sign) + "', got " + seen());
}

void ExpressionParser::expect(Token::Type type, std::string_view what) {
  if (!sees(type)) fail("expected " + std::string(what) + ", got " + seen());
  take();
}

std::string ExpressionParser::name(std::string_view what) {
  if (!sees(Token::Type::name)) fail("expected " + std::string(what) + ", got " + seen());
  return take().text;
}

std::string ExpressionParser::seen() const {
  switch (current().type) {
    case Token::Type::data:
      return "text";
    case Token::Type::block_begin:
      return "'{%'";
    case Token::Type::block_end:
      return "'%}'";
    case Token::Type::print_begin:
      return "'{{'";
    case Token::Type::print_end:
      return "'}}'";
    case Token::Type::string:
      return "a string";
    case Token::Type::integer:
    case Token::Type::real:
      return "a number";
    case Token::Type::end:
      return "the end of the template";
    default:
      return "'" + current().text + "'";
  }
}

ExpressionPtr ExpressionParser::expression(bool inline_if) {
  const Deeper deeper(*this);
  const int line = current().line;
  ExpressionPtr value = disjunction();
  while (inline_if && take_name("if")) {
    ExpressionPtr condition = disjunction();
    ExpressionPtr otherwise = take_name("else") ? expression() : nullptr;
    value = Builder(Op::condition, line)
                .part(std::move(value))
                .part(std::move(condition))
                .part(std::move(otherwise))
                .done();
  }
  return value;
}

ExpressionPtr ExpressionParser::tuple(bool inline_if, std::string_view ends, bool in_parentheses) {
  const int line = current().line;
  const auto at_end = [&] {
    return sees(Token::Type::print_end) || sees(Token::Type::block_end) || sees_sign(")") ||
           (!ends.empty() && sees_name(ends));
  };
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (!at_end()) {
    items.push_back(expression(inline_if));
    if (!take_sign(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items[0]);
  if (items.empty() && !in_parentheses) fail("expected an expression, got " + seen());
  Builder made(Op::tuple, line);
  for (ExpressionPtr& item : items) made.part(std::move(item));
  return made.done();
}

ExpressionPtr ExpressionParser::disjunction() {
  ExpressionPtr left = conjunction();
  for (int line = current().line; take_name("or"); line = current().line)
    left = Builder(Op::disjunction, line).part(std::move(left)).part(conjunction()).done();
  return left;
}

ExpressionPtr ExpressionParser::conjunction() {
  ExpressionPtr left = negation();
  for (int line = current().line; take_name("and"); line = current().line)
    left = Builder(Op::conjunction, line).part(std::move(left)).part(negation()).done();
  return left;
}

ExpressionPtr ExpressionParser::negation() {
  const Deeper deeper(*this);
  const int line = current().line;
  if (take_name("not")) return Builder(Op::negation, line).part(negation()).done();
  return comparison();
}

std::string ExpressionParser::comparison_sign() {
  for (const char* sign : {"==", "!=", "<", "<=", ">", ">="})
    if (take_sign(sign)) return sign;
  if (take_name("in")) return "in";
  if (sees_name("not") && ahead().type == Token::Type::name && ahead().text == "in") {
    take();
    take();
    return "not in";
  }
  return "";
}

ExpressionPtr ExpressionParser::comparison() {
  const int line = current().line;
  ExpressionPtr first = sum();
  std::string sign = comparison_sign();
  if (sign.empty()) return first;
  Builder made(Op::comparison, line);
  made.part(std::move(first));
  for (; !sign.empty(); sign = comparison_sign()) made.sign(std::move(sign)).part(sum());
  return made.done();
}

ExpressionPtr ExpressionParser::arithmetic(Make operand, std::initializer_list<std::string_view> signs) {
  ExpressionPtr left = (this->*operand)();
  for (;;) {
    const auto* sign = std::find_if(signs.begin(), signs.end(), [&](std::string_view s) { return sees_sign(s); });
    if (sign == signs.end()) return left;
    Builder made(Op::arithmetic, current().line);
    take();
    left = made.name(std::string(*sign)).part(std::move(left)).part((this->*operand)()).done();
  }
}

ExpressionPtr ExpressionParser::sum() { return arithmetic(&ExpressionParser::concat, {"+", "-"}); }

ExpressionPtr ExpressionParser::concat() {
  const int line = current().line;
  ExpressionPtr first = product();
  if (!sees_sign("~")) return first;
  Builder made(Op::concat, line);
  made.part(std::move(first));
  while (take_sign("~")) made.part(product());
  return made.done();
}

ExpressionPtr ExpressionParser::product() { return arithmetic(&ExpressionParser::power, {"*", "/", "//", "%"}); }

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary(/*with_filters=*/true);
  for (int line = current().line; take_sign("**"); line = current().line)
    left = Builder(Op::arithmetic, line).name("**").part(std::move(left)).part(unary(true)).done();
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Deeper deeper(*this);
  const int line = current().line;
  ExpressionPtr value;
  if (take_sign("-"))
    value = Builder(Op::minus, line).part(unary(false)).done();
  else if (take_sign("+"))
    value = Builder(Op::plus, line).part(unary(false)).done();
  else
    value = primary();
  value = postfix(std::move(value));
  return with_filters ? filtered(std::move(value)) : std::move(value);
}

}  // namespace peftlab::text::jinja
