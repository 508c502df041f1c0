// Equality, order, membership and walking, as Python defines them.
#include <cmath>

#include "core/text/jinja/python_text.h"
#include "core/text/jinja/value.h"

namespace peftlab::text::jinja {

namespace {

bool is_text(const Value& value) { return value.is(Kind::string) || value.is(Kind::markup); }

/// -1, 0, 1; 2 with a NaN. A 64-bit integer is never rounded to a double for this.
int compare_numbers(const Value& a, const Value& b) {
  if (a.is_whole() && b.is_whole()) return a.whole() < b.whole() ? -1 : a.whole() > b.whole();
  if (a.is(Kind::real) && b.is(Kind::real)) {
    if (std::isnan(a.number()) || std::isnan(b.number())) return 2;
    return a.number() < b.number() ? -1 : a.number() > b.number();
  }
  if (a.is(Kind::real)) {
    const int other = compare_numbers(b, a);
    return other == 2 ? 2 : -other;
  }
  const double real = b.number();
  if (std::isnan(real)) return 2;
  if (real >= 0x1p63) return -1;
  if (real < -0x1p63) return 1;
  const auto floor = static_cast<int64_t>(std::floor(real));
  if (a.whole() != floor) return a.whole() < floor ? -1 : 1;
  return real > std::floor(real) ? -1 : 0;
}

bool equal_lists(const List& a, const List& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!equal(a[i], b[i])) return false;
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key);
    if (!other || !equal(value, *other)) return false;
  }
  return true;
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (is_text(a) && is_text(b)) return a.text() == b.text();
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::list:
    case Kind::tuple:
    case Kind::range:
      return equal_lists(a.items(), b.items());
    case Kind::dict:
      return equal_dicts(a.dict(), b.dict());
    case Kind::view:
      throw Failure("comparing dict views is not supported");
    case Kind::function:
      throw Failure("comparing functions is not supported");
    default:
      return a.same_object(b);
  }
}

int compare(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (is_text(a) && is_text(b)) return a.text().compare(b.text()) < 0 ? -1 : a.text() != b.text();  // UTF-8 keeps order
  if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) {
    const List &left = a.items(), &right = b.items();
    for (size_t i = 0; i < left.size() && i < right.size(); ++i)
      if (!equal(left[i], right[i])) return compare(left[i], right[i]);
    return left.size() < right.size() ? -1 : left.size() > right.size();
  }
  for (const Value* value : {&a, &b})
    if (value->is(Kind::undefined)) throw Failure(value->text());
  throw Failure(std::string("'<' not supported between '") + a.type_name() + "' and '" + b.type_name() + "'");
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (is_text(container)) {
    if (item.is(Kind::undefined)) throw Failure(item.text());
    if (!is_text(item)) throw Failure(std::string("'in <string>' requires a string, not ") + item.type_name());
    budget.spend(1 + container.text().size() / 64);
    return container.text().find(item.text()) != std::string::npos;
  }
  if (container.is(Kind::dict)) {
    budget.spend(1 + container.dict().entries.size());
    return container.dict().find(item) != nullptr;
  }
  if (container.is(Kind::iterator)) {  // Python walks on from where it stands, up to the element found
    Iterator& walk = container.walk();
    while (walk.next < walk.items.size()) {
      budget.spend();
      if (equal(walk.items[walk.next++], item)) return true;
    }
    return false;
  }
  for (const Value& element : elements(container, budget))
    if (equal(element, item)) return true;
  return false;
}

List elements(const Value& value, Budget& budget) {
  List items;
  switch (value.kind()) {
    case Kind::undefined:
      return items;
    case Kind::string:
      budget.make(value.text().size() * sizeof(Value));
      for (const char32_t point : decode(value.text())) items.emplace_back(encode(std::u32string(1, point)));
      return items;
    case Kind::list:
    case Kind::tuple:
    case Kind::range:
    case Kind::view:
      budget.make(value.items().size() * sizeof(Value));
      return value.items();
    case Kind::dict:
      budget.make(value.dict().entries.size() * sizeof(Value));
      for (const auto& entry : value.dict().entries) items.push_back(entry.first);
      return items;
    case Kind::iterator: {
      Iterator& walk = value.walk();
      budget.make((walk.items.size() - walk.next) * sizeof(Value));
      items.assign(walk.items.begin() + static_cast<std::ptrdiff_t>(walk.next), walk.items.end());
      walk.next = walk.items.size();
      return items;
    }
    default:
      throw Failure(std::string("a value of type '") + value.type_name() + "' cannot be iterated over");
  }
}

int64_t length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
    case Kind::markup:
      return static_cast<int64_t>(length(value.text()));
    case Kind::list:
    case Kind::tuple:
    case Kind::range:
    case Kind::view:
      return static_cast<int64_t>(value.items().size());
    case Kind::dict:
      return static_cast<int64_t>(value.dict().entries.size());
    default:
      throw Failure(std::string("a value of type '") + value.type_name() + "' has no length");
  }
}

}  // namespace peftlab::text::jinja
