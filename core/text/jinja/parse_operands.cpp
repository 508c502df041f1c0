// The strongest binding part of the grammar: literals, names, subscripts, calls, filters and tests.
#include "core/text/jinja/builder.h"
#include "core/text/jinja/filters.h"
#include "core/text/jinja/parser.h"

namespace peftlab::text::jinja {

ExpressionPtr ExpressionParser::primary() {
  const Token token = current();
  switch (token.type) {
    case Token::Type::name:
      take();
      if (token.text == "true" || token.text == "True") return Builder(Op::constant, token.line).value(true).done();
      if (token.text == "false" || token.text == "False") return Builder(Op::constant, token.line).value(false).done();
      if (token.text == "none" || token.text == "None") return Builder(Op::constant, token.line).value(Value()).done();
      variables_.push_back(token.text);
      return Builder(Op::name, token.line).name(token.text).done();
    case Token::Type::string: {
      std::string text;
      while (sees(Token::Type::string)) text += take().text;
      return Builder(Op::constant, token.line).value(std::move(text)).done();
    }
    case Token::Type::integer:
      take();
      return Builder(Op::constant, token.line).value(token.integer).done();
    case Token::Type::real:
      take();
      return Builder(Op::constant, token.line).value(token.real).done();
    default:
      break;
  }
  if (take_sign("(")) {
    ExpressionPtr inner = tuple(/*inline_if=*/true, {}, /*in_parentheses=*/true);
    expect_sign(")");
    return inner;
  }
  if (take_sign("[")) return list();
  if (take_sign("{")) return dict();
  fail("expected an expression, got " + seen());
}

ExpressionPtr ExpressionParser::list() {
  Builder made(Op::list, current().line);
  while (!sees_sign("]")) {
    made.part(expression());
    if (!take_sign(",")) break;
  }
  expect_sign("]");
  return made.done();
}

ExpressionPtr ExpressionParser::dict() {
  Builder made(Op::dict, current().line);
  while (!sees_sign("}")) {
    made.part(expression());
    expect_sign(":");
    made.part(expression());
    if (!take_sign(",")) break;
  }
  expect_sign("}");
  return made.done();
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  for (;;) {
    if (take_sign("."))
      value = dotted(std::move(value));
    else if (take_sign("["))
      value = subscript(std::move(value));
    else if (sees_sign("("))
      value = call(std::move(value));
    else
      return value;
  }
}

ExpressionPtr ExpressionParser::dotted(ExpressionPtr value) {
  const int line = current().line;
  if (sees(Token::Type::integer)) {
    ExpressionPtr index = Builder(Op::constant, line).value(take().integer).done();
    return Builder(Op::item, line).part(std::move(value)).part(std::move(index)).done();
  }
  return Builder(Op::attribute, line).name(name("a name or number after '.'")).part(std::move(value)).done();
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  const int line = current().line;
  const auto bound = [&]() -> ExpressionPtr {
    return sees_sign(":") || sees_sign("]") || sees_sign(",") ? nullptr : expression();
  };
  ExpressionPtr first = bound();
  if (sees_sign(",") || (first == nullptr && sees_sign("]"))) fail("subscripts of several parts are not supported");
  if (take_sign("]")) return Builder(Op::item, line).part(std::move(value)).part(std::move(first)).done();
  expect_sign(":");
  ExpressionPtr second = bound();
  ExpressionPtr third = take_sign(":") ? bound() : nullptr;
  expect_sign("]");
  return Builder(Op::slice, line)
      .part(std::move(value))
      .part(std::move(first))
      .part(std::move(second))
      .part(std::move(third))
      .done();
}

ExpressionPtr ExpressionParser::call(ExpressionPtr function) {
  Builder made(Op::call, current().line);
  return made.part(std::move(function)).arguments(arguments()).done();
}

std::vector<Argument> ExpressionParser::arguments() {
  expect_sign("(");
  std::vector<Argument> arguments;
  while (!sees_sign(")")) {
    if (sees_sign("*") || sees_sign("**")) fail("unpacking of arguments ('" + current().text + "') is not supported");
    Argument argument;
    if (sees(Token::Type::name) && ahead().type == Token::Type::sign && ahead().text == "=") {
      argument.keyword = take().text;
      take();
    } else if (!arguments.empty() && !arguments.back().keyword.empty()) {
      fail("an argument without a name follows one with a name");
    }
    for (const Argument& other : arguments)
      if (!argument.keyword.empty() && other.keyword == argument.keyword)
        fail("the argument '" + argument.keyword + "' is given twice");
    argument.value = expression();
    arguments.push_back(std::move(argument));
    if (!take_sign(",")) break;
  }
  expect_sign(")");
  return arguments;
}

ExpressionPtr ExpressionParser::filtered(ExpressionPtr value) {
  for (;;) {
    if (take_sign("|"))
      value = filter(std::move(value));
    else if (take_name("is"))
      value = test(std::move(value));
    else if (sees_sign("("))
      value = call(std::move(value));
    else
      return value;
  }
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr value) {
  const int line = current().line;
  std::string filter = name("the name of a filter");
  while (take_sign(".")) filter += "." + name("the name of a filter");
  if (!is_filter(filter)) throw SyntaxError{line, "unknown filter '" + filter + "'"};
  Builder made(Op::filter, line);
  made.name(std::move(filter)).part(std::move(value));
  return sees_sign("(") ? made.arguments(arguments()).done() : made.done();
}

ExpressionPtr ExpressionParser::block_filters(bool begins_with_name) {
  ExpressionPtr value;
  if (begins_with_name) value = filter(nullptr);
  while (take_sign("|")) value = filter(std::move(value));
  return value;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  const int line = current().line;
  const bool negated = take_name("not");
  std::string test = name("the name of a test");
  while (take_sign(".")) test += "." + name("the name of a test");
  if (!is_test(test)) throw SyntaxError{line, "unknown test '" + test + "'"};
  Builder made(Op::test, line);
  made.name(std::move(test)).part(std::move(value));
  const Token::Type type = current().type;
  const bool literal = type == Token::Type::name || type == Token::Type::string || type == Token::Type::integer ||
                       type == Token::Type::real || sees_sign("[") || sees_sign("{");
  if (sees_sign("(")) {
    made.arguments(arguments());
  } else if (literal && !sees_name("else") && !sees_name("or") && !sees_name("and")) {
    if (sees_name("is")) fail("tests cannot be chained with 'is'");
    std::vector<Argument> one(1);
    one[0].value = postfix(primary());
    made.arguments(std::move(one));
  }
  ExpressionPtr result = made.done();
  return negated ? Builder(Op::negation, line).part(std::move(result)).done() : std::move(result);
}

}  // namespace peftlab::text::jinja
