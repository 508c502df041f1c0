// The grammar of tags.
#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "core/text/jinja/builder.h"
#include "core/text/jinja/parser.h"

namespace peftlab::text::jinja {

namespace {

constexpr std::string_view kReserved[] = {"true", "false", "none", "True", "False", "None"};

using StatementPtr = std::unique_ptr<Statement>;

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}

  Template run() {
    Template whole;
    whole.body = statements({});
    if (!tokens_.sees(Token::Type::end)) tokens_.fail("unexpected " + tokens_.seen());
    whole.marks_generation = marks_generation_;
    return whole;
  }

 private:
  /// Up to a tag whose name is among `ends` (it is left to the caller), or to the end of the template when there are
  /// none.
  Body statements(std::initializer_list<std::string_view> ends) {
    const ExpressionParser::Deeper deeper(tokens_);
    const int begin = tokens_.current().line;
    Body body;
    for (;;) {
      switch (tokens_.current().type) {
        case Token::Type::data:
          body.push_back(text());
          break;
        case Token::Type::print_begin:
          body.push_back(print());
          break;
        case Token::Type::block_begin: {
          const Token& tag = tokens_.ahead();
          if (tag.type == Token::Type::name && std::find(ends.begin(), ends.end(), tag.text) != ends.end()) {
            tokens_.take();
            return body;
          }
          body.push_back(tag_statement());
          break;
        }
        default:
          if (ends.size() == 0) return body;
          throw SyntaxError{begin, "the template ends before '{% " + std::string(*(ends.end() - 1)) + " %}'"};
      }
    }
  }

  /// The same with the ending tag taken; it has one name.
  Body block(std::string_view end) {
    Body body = statements({end});
    tokens_.take();
    return body;
  }

  StatementPtr made(Verb verb) const {
    auto statement = std::make_unique<Statement>();
    statement->verb = verb;
    statement->line = tokens_.current().line;
    return statement;
  }

  StatementPtr text() {
    StatementPtr statement = made(Verb::text);
    statement->text = tokens_.take().text;
    return statement;
  }

  StatementPtr print() {
    tokens_.take();
    StatementPtr statement = made(Verb::print);
    statement->value = tokens_.tuple();
    tokens_.expect(Token::Type::print_end, "'}}'");
    return statement;
  }

  StatementPtr tag_statement() {
    tokens_.take();
    const int line = tokens_.current().line;
    const std::string tag = tokens_.name("the name of a tag");
    StatementPtr statement = tag_named(tag, line);
    statement->line = line;
    end_tag();
    return statement;
  }

  void end_tag() { tokens_.expect(Token::Type::block_end, "'%}'"); }

  StatementPtr tag_named(const std::string& tag, int line) {
    if (tag == "if") return choose();
    if (tag == "for") return loop();
    if (tag == "set") return set();
    if (tag == "macro") return macro();
    if (tag == "call") return call();
    if (tag == "filter") return filter();
    if (tag == "with") return with();
    if (tag == "generation") return generation();
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) throw SyntaxError{line, "'" + tag + "' outside of a loop"};
      return made(tag == "break" ? Verb::leave : Verb::next);
    }
    throw SyntaxError{line, "unknown tag '" + tag + "'"};
  }

  StatementPtr choose() {
    StatementPtr statement = made(Verb::choose);
    for (std::string tag = "if"; tag != "endif";) {
      Branch branch;
      if (tag != "else") branch.condition = tokens_.tuple(/*inline_if=*/false);
      end_tag();
      branch.body = tag == "else" ? statements({"endif"}) : statements({"elif", "else", "endif"});
      statement->branches.push_back(std::move(branch));
      tag = tokens_.take().text;
    }
    return statement;
  }

  StatementPtr loop() {
    StatementPtr statement = made(Verb::loop);
    statement->target = target(/*fields=*/false, "in");
    if (!tokens_.take_name("in")) tokens_.fail("expected 'in', got " + tokens_.seen());
    statement->value = tokens_.tuple(/*inline_if=*/false, "recursive");
    if (tokens_.take_name("if")) statement->condition = tokens_.expression();
    if (tokens_.sees_name("recursive")) tokens_.fail("recursive loops are not supported");
    end_tag();
    ++loops_;
    const size_t first = tokens_.variables().size();
    statement->body = statements({"else", "endfor"});
    statement->names_loop = named_since(first, "loop");
    --loops_;
    if (tokens_.take().text == "else") {
      end_tag();
      statement->otherwise = block("endfor");
    }
    return statement;
  }

  StatementPtr set() {
    StatementPtr statement = made(Verb::set);
    statement->target = target(/*fields=*/true, "");
    if (tokens_.take_sign("=")) {
      statement->value = tokens_.tuple();
      return statement;
    }
    statement->verb = Verb::capture;
    statement->value = tokens_.block_filters(/*begins_with_name=*/false);
    end_tag();
    statement->body = block("endset");
    return statement;
  }

  StatementPtr macro() {
    StatementPtr statement = made(Verb::macro);
    statement->text = variable();
    statement->parameters = parameters();
    end_tag();
    macro_body(*statement, "endmacro");
    return statement;
  }

  StatementPtr call() {
    StatementPtr statement = made(Verb::call);
    if (tokens_.sees_sign("(")) statement->parameters = parameters();
    statement->value = tokens_.expression();
    if (statement->value->op != Op::call) tokens_.fail("'call' needs the call of a macro");
    end_tag();
    macro_body(*statement, "endcall");
    return statement;
  }

  StatementPtr filter() {
    StatementPtr statement = made(Verb::filter);
    statement->value = tokens_.block_filters(/*begins_with_name=*/true);
    end_tag();
    statement->body = block("endfilter");
    return statement;
  }

  StatementPtr with() {
    StatementPtr statement = made(Verb::with);
    while (!tokens_.sees(Token::Type::block_end)) {
      if (!statement->assignments.empty()) tokens_.expect_sign(",");
      Target to = target(/*fields=*/false, "");
      tokens_.expect_sign("=");
      statement->assignments.emplace_back(std::move(to), tokens_.expression());
    }
    end_tag();
    statement->body = block("endwith");
    return statement;
  }

  StatementPtr generation() {
    StatementPtr statement = made(Verb::generation);
    marks_generation_ = true;
    end_tag();
    const size_t loops = std::exchange(loops_, 0);
    statement->body = block("endgeneration");
    loops_ = loops;
    return statement;
  }

  /// A loop outside of a macro cannot be left from within it.
  void macro_body(Statement& statement, std::string_view end) {
    const size_t loops = std::exchange(loops_, 0);
    const size_t first = tokens_.variables().size();
    statement.body = block(end);
    loops_ = loops;
    statement.takes_varargs = named_since(first, "varargs");
    statement.takes_kwargs = named_since(first, "kwargs");
    statement.takes_caller = named_since(first, "caller");
  }

  bool named_since(size_t first, std::string_view name) const {
    const auto& all = tokens_.variables();
    return std::find(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(), name) != all.end();
  }

  std::vector<Parameter> parameters() {
    std::vector<Parameter> parameters;
    tokens_.expect_sign("(");
    while (!tokens_.sees_sign(")")) {
      Parameter parameter;
      parameter.name = variable();
      for (const std::string_view special : {"caller", "varargs", "kwargs"})
        if (parameter.name == special) tokens_.fail("a parameter named '" + parameter.name + "' is not supported");
      if (tokens_.take_sign("="))
        parameter.fallback = tokens_.expression();
      else if (!parameters.empty() && parameters.back().fallback)
        tokens_.fail("a parameter without a default follows one with a default");
      parameters.push_back(std::move(parameter));
      if (!tokens_.take_sign(",")) break;
    }
    tokens_.expect_sign(")");
    return parameters;
  }

  std::string variable() {
    std::string name = tokens_.name("the name of a variable");
    if (std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved))
      tokens_.fail("'" + name + "' cannot be assigned to");
    if (name == "loop" || name == "self") tokens_.fail("assigning to '" + name + "' is not supported");
    return name;
  }

  /// One target or several with commas, a tuple; `end` is the name that ends it.
  Target target(bool fields, std::string_view end) {
    const ExpressionParser::Deeper deeper(tokens_);
    std::vector<Target> parts;
    bool is_tuple = false;
    while (!tokens_.sees(Token::Type::block_end) && !tokens_.sees_sign("=") && !tokens_.sees_sign(")") &&
           (end.empty() || !tokens_.sees_name(end))) {
      parts.push_back(single_target(fields));
      if (!tokens_.take_sign(",")) break;
      is_tuple = true;
    }
    if (parts.empty()) tokens_.fail("expected the name of a variable, got " + tokens_.seen());
    if (!is_tuple) return std::move(parts[0]);
    Target tuple;
    tuple.parts = std::move(parts);
    return tuple;
  }

  Target single_target(bool fields) {
    Target one;
    if (tokens_.take_sign("(")) {
      one = target(fields, "");
      tokens_.expect_sign(")");
      return one;
    }
    one.name = variable();
    if (fields && tokens_.take_sign(".")) one.field = tokens_.name("the name of a field");
    return one;
  }

  ExpressionParser tokens_;
  size_t loops_ = 0;
  bool marks_generation_ = false;
};

}  // namespace

Template parse(std::string_view source) { return Parser(source).run(); }

}  // namespace peftlab::text::jinja
