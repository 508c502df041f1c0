// What may stand behind `is`.
#include <functional>
#include <map>

#include "core/text/jinja/filters.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

using Test = std::function<bool(const Value&, Arguments&, Runtime&)>;

Test is_kind(std::initializer_list<Kind> kinds) {
  return [kinds = std::vector<Kind>(kinds)](const Value& value, Arguments& arguments, Runtime&) {
    arguments.finish();
    for (const Kind kind : kinds)
      if (value.is(kind)) return true;
    return false;
  };
}

Test compares(bool (*holds)(int)) {
  return [holds](const Value& value, Arguments& arguments, Runtime& runtime) {
    const Value other = arguments.need("");
    arguments.finish();
    runtime.budget.spend(value.extent().weight);
    return holds(compare(value, other));
  };
}

Test equals(bool wanted) {
  return [wanted](const Value& value, Arguments& arguments, Runtime& runtime) {
    const Value other = arguments.need("");
    arguments.finish();
    runtime.budget.spend(value.extent().weight);
    return equal(value, other) == wanted;
  };
}

Test is_flag(bool wanted) {
  return [wanted](const Value& value, Arguments& arguments, Runtime&) {
    arguments.finish();
    return value.is(Kind::boolean) && value.truth() == wanted;
  };
}

Test parity(int64_t rest) {
  return [rest](const Value& value, Arguments& arguments, Runtime& runtime) {
    arguments.finish();
    return equal(arithmetic("%", value, int64_t{2}, runtime), rest);
  };
}

bool divisible(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value by = arguments.need("num");
  arguments.finish();
  return equal(arithmetic("%", value, by, runtime), int64_t{0});
}

bool is_in(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value container = arguments.need("seq");
  arguments.finish();
  return contains(container, value, runtime.budget);
}

Test cased(std::string method) {
  return [method = std::move(method)](const Value& value, Arguments& arguments, Runtime& runtime) {
    return call_text_method(soft_text(value, runtime), method, arguments, runtime).truth();
  };
}

const std::map<std::string, Test, std::less<>>& tests() {
  static const std::initializer_list<Kind> kIterable = {Kind::undefined, Kind::string, Kind::markup, Kind::list,
                                                        Kind::tuple,     Kind::range,  Kind::view,   Kind::iterator,
                                                        Kind::dict,      Kind::loop};
  static const std::initializer_list<Kind> kSequence = {Kind::undefined, Kind::string, Kind::markup, Kind::list,
                                                        Kind::tuple,     Kind::range,  Kind::dict};
  const auto less = compares([](int order) { return order == -1; });
  const auto at_most = compares([](int order) { return order == -1 || order == 0; });
  const auto more = compares([](int order) { return order == 1; });
  const auto at_least = compares([](int order) { return order == 0 || order == 1; });
  static const std::map<std::string, Test, std::less<>> kTests = {
      {"undefined", is_kind({Kind::undefined})},
      {"defined",
       [](const Value& value, Arguments& arguments, Runtime&) {
         arguments.finish();
         return !value.is(Kind::undefined);
       }},
      {"none", is_kind({Kind::none})},
      {"boolean", is_kind({Kind::boolean})},
      {"true", is_flag(true)},
      {"false", is_flag(false)},
      {"integer", is_kind({Kind::integer})},
      {"float", is_kind({Kind::real})},
      {"number", is_kind({Kind::boolean, Kind::integer, Kind::real})},
      {"string", is_kind({Kind::string, Kind::markup})},
      {"mapping", is_kind({Kind::dict})},
      {"iterable", is_kind(kIterable)},
      {"sequence", is_kind(kSequence)},
      {"callable", is_kind({Kind::undefined, Kind::function, Kind::loop})},
      {"odd", parity(1)},
      {"even", parity(0)},
      {"divisibleby", divisible},
      {"in", is_in},
      {"lower", cased("islower")},
      {"upper", cased("isupper")},
      {"sameas",
       [](const Value& value, Arguments& arguments, Runtime&) {
         const Value other = arguments.need("other");
         arguments.finish();
         return value.same_object(other);
       }},
      {"eq", equals(true)},
      {"equalto", equals(true)},
      {"ne", equals(false)},
      {"lt", less},
      {"lessthan", less},
      {"le", at_most},
      {"gt", more},
      {"greaterthan", more},
      {"ge", at_least},
      {"==", equals(true)},
      {"!=", equals(false)},
      {"<", less},
      {"<=", at_most},
      {">", more},
      {">=", at_least}};
  return kTests;
}

}  // namespace

bool is_test(std::string_view name) { return tests().find(name) != tests().end(); }

bool apply_test(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime) {
  const auto test = tests().find(name);
  if (test == tests().end()) throw Failure("unknown test '" + name + "'");
  runtime.budget.spend();
  return test->second(value, arguments, runtime);
}

}  // namespace peftlab::text::jinja
