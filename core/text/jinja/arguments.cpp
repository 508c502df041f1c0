#include <algorithm>

#include "core/text/jinja/filters.h"

namespace peftlab::text::jinja {

const Value* Arguments::next(std::string_view name) {
  if (next_ < positional_.size()) {
    for (const auto& entry : named_)
      if (!name.empty() && entry.first == name)
        throw Failure(callee_ + ": the argument '" + entry.first + "' is given twice");
    return &positional_[next_++];
  }
  return named(name);
}

const Value* Arguments::named(std::string_view name) {
  if (name.empty()) return nullptr;  // of parameters that Python takes by position only
  const auto at = std::find_if(named_.begin(), named_.end(), [&](const auto& entry) { return entry.first == name; });
  if (at == named_.end()) return nullptr;
  // Kept where it is, with a name nobody can give again, so that the pointer stays good.
  at->first.clear();
  return &at->second;
}

const Value& Arguments::need(std::string_view name) {
  const Value* value = next(name);
  if (!value) throw Failure(callee_ + ": the argument '" + std::string(name) + "' is missing");
  return *value;
}

std::string Arguments::text(std::string_view name) { return strict_text(need(name), callee_); }

int64_t Arguments::whole(std::string_view name, int64_t fallback) {
  const Value* value = next(name);
  if (!value) return fallback;
  require_defined(*value);
  if (!value->is_whole()) throw Failure(callee_ + ": the argument '" + std::string(name) + "' must be an integer");
  return value->whole();
}

bool Arguments::flag(std::string_view name, bool fallback) {
  const Value* value = next(name);
  return value ? value->truth() : fallback;
}

List Arguments::rest() {
  List rest(positional_.begin() + static_cast<std::ptrdiff_t>(next_), positional_.end());
  next_ = positional_.size();
  return rest;
}

std::vector<std::pair<std::string, Value>> Arguments::rest_named() {
  std::vector<std::pair<std::string, Value>> rest;
  for (auto& [name, value] : named_) {
    if (name.empty()) continue;
    rest.emplace_back(name, value);
    name.clear();
  }
  return rest;
}

void Arguments::finish() const {
  if (next_ < positional_.size()) throw Failure(callee_ + ": too many arguments");
  for (const auto& entry : named_)
    if (!entry.first.empty()) throw Failure(callee_ + ": unknown argument '" + entry.first + "'");
}

void require_defined(const Value& value) {
  if (value.is(Kind::undefined)) throw Failure(value.text());
}

std::string soft_text(const Value& value, Runtime& runtime) {
  if (value.is(Kind::markup)) throw Failure("a text marked 'safe' can only be printed or joined with '~'");
  return to_text(value, runtime.budget);
}

const std::string& strict_text(const Value& value, std::string_view callee) {
  require_defined(value);
  if (!value.is(Kind::string))
    throw Failure(std::string(callee) + ": expected a str, got a value of type '" + value.type_name() + "'");
  return value.text();
}

}  // namespace peftlab::text::jinja
