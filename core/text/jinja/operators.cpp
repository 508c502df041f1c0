// Python's arithmetic. Integers beyond 64 bits are refused.
#include <cmath>

#include "core/text/jinja/filters.h"

namespace peftlab::text::jinja {

namespace {

[[noreturn]] void refuse(const std::string& sign, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (a.is(Kind::markup) || b.is(Kind::markup))
    throw Failure("a text marked 'safe' can only be printed or joined with '~'");
  if (sign == "%" && a.is(Kind::string)) throw Failure("formatting a str with '%' is not supported");
  throw Failure("'" + sign + "' is not defined between '" + a.type_name() + "' and '" + b.type_name() + "'");
}

int64_t checked(bool overflow, int64_t result) {
  if (overflow) throw Failure("an integer of more than 64 bits");
  return result;
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (int64_t i = 0; i < exponent; ++i) {
    const bool overflow = __builtin_mul_overflow(result, base, &result);
    checked(overflow, result);
  }
  return result;
}

Value whole_arithmetic(char sign, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow;
  switch (sign) {
    case '+':
      overflow = __builtin_add_overflow(a, b, &result);
      return checked(overflow, result);
    case '-':
      overflow = __builtin_sub_overflow(a, b, &result);
      return checked(overflow, result);
    case '*':
      overflow = __builtin_mul_overflow(a, b, &result);
      return checked(overflow, result);
    default:
      break;
  }
  if (b == 0) throw Failure("division by zero");
  if (b == -1) return sign == '%' ? Value(int64_t{0}) : Value(checked(a == INT64_MIN, a == INT64_MIN ? 0 : -a));
  const int64_t rest = a % b, quotient = a / b;
  const bool down = rest != 0 && (rest < 0) != (b < 0);  // Python rounds towards minus infinity
  return sign == '%' ? (down ? rest + b : rest) : (down ? quotient - 1 : quotient);
}

double real_modulo(double a, double b) {
  if (b == 0) throw Failure("division by zero");
  double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double floor_divide(double a, double b) {
  const double rest = real_modulo(a, b);
  const double quotient = (a - rest) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

double real_power(double a, double b) {
  if (a == 0 && b < 0) throw Failure("zero cannot be raised to a negative power");
  if (a < 0 && std::isfinite(b) && b != std::floor(b)) throw Failure("complex numbers are not supported");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) throw Failure("the result of '**' is out of range");
  return result;
}

/// int / int as Python rounds it: once, from the exact quotient.
double true_divide(const Value& a, const Value& b) {
  if (b.number() == 0) throw Failure("division by zero");
  constexpr int64_t kExact = int64_t{1} << 53;
  for (const Value* value : {&a, &b})
    if (value->is_whole() && (value->whole() > kExact || value->whole() < -kExact))
      throw Failure("'/' with an integer of more than 53 bits is not supported");
  return a.number() / b.number();
}

Value numbers(const std::string& sign, const Value& a, const Value& b) {
  if (sign == "/") return true_divide(a, b);
  const bool whole = a.is_whole() && b.is_whole();
  if (sign == "**") {
    if (whole && b.whole() >= 0) return power(a.whole(), b.whole());
    return real_power(a.number(), b.number());
  }
  if (whole) return whole_arithmetic(sign[0], a.whole(), b.whole());
  if (sign == "+") return a.number() + b.number();
  if (sign == "-") return a.number() - b.number();
  if (sign == "*") return a.number() * b.number();
  return sign == "%" ? real_modulo(a.number(), b.number()) : floor_divide(a.number(), b.number());
}

Value repeated(const Value& value, int64_t times, Runtime& runtime) {
  const auto count = static_cast<size_t>(times < 0 ? 0 : times);
  const size_t size = value.is(Kind::string) ? value.text().size() : value.items().size() * sizeof(Value);
  if (size && count > runtime.budget.max_bytes() / size) runtime.budget.make(runtime.budget.max_bytes() + 1);
  runtime.budget.make(size * count);
  if (size == 0) return value.is(Kind::string) ? Value("") : Value::sequence(value.kind(), {});
  if (value.is(Kind::string)) {
    std::string text;
    text.reserve(size * count);
    for (size_t i = 0; i < count; ++i) text += value.text();
    return text;
  }
  List items;
  for (size_t i = 0; i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  return Value::sequence(value.kind(), std::move(items));
}

Value joined(const Value& a, const Value& b, Runtime& runtime) {
  if (a.is(Kind::string)) {
    runtime.budget.make(a.text().size() + b.text().size());
    return a.text() + b.text();
  }
  runtime.budget.make((a.items().size() + b.items().size()) * sizeof(Value));
  List items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return Value::sequence(a.kind(), std::move(items));
}

bool can_repeat(const Value& value) { return value.is(Kind::string) || value.is(Kind::list) || value.is(Kind::tuple); }

}  // namespace

Value arithmetic(const std::string& sign, const Value& a, const Value& b, Runtime& runtime) {
  if (a.is_number() && b.is_number()) return numbers(sign, a, b);
  if (sign == "+" && a.kind() == b.kind() && can_repeat(a)) return joined(a, b, runtime);
  if (sign == "*" && can_repeat(a) && b.is_whole()) return repeated(a, b.whole(), runtime);
  if (sign == "*" && can_repeat(b) && a.is_whole()) return repeated(b, a.whole(), runtime);
  refuse(sign, a, b);
}

Value negative(const Value& value) {
  require_defined(value);
  if (value.is(Kind::real)) return -value.number();
  if (!value.is_whole())
    throw Failure(std::string("'-' is not defined for a value of type '") + value.type_name() + "'");
  return whole_arithmetic('-', 0, value.whole());
}

}  // namespace peftlab::text::jinja
