#include "core/lab/merged_document.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace peftlab::lab {

using io::Json;
using io::Pointer;

namespace {

const std::pair<const char*, const char*> kAlternatives[] = {
    {"/train/epochs", "/train/max_steps"},
    {"/train/warmup_ratio", "/train/warmup_steps"},
    {"/train/evaluate_every/steps", "/train/evaluate_every/epochs"},
    {"/train/save_every/steps", "/train/save_every/epochs"},
};

bool given(const Json& value, const Pointer& pointer) {
  const Json::json_pointer at(pointer);
  return value.contains(at) && !value.at(at).is_null();
}

void write_out(Json& value, const Pointer& pointer, bool (Json::*is_short)() const noexcept,
               const std::vector<std::string>& keys) {
  const Json::json_pointer at(pointer);
  if (!value.contains(at) || !(value.at(at).*is_short)()) return;
  const Json written = value.at(at);
  Json object = Json::object();
  for (const auto& key : keys) object[key] = written;
  value.at(at) = std::move(object);
}

Json written_out(Json value) {
  write_out(value, "/model", &Json::is_string, {"name"});
  write_out(value, "/model/quantize", &Json::is_string, {"type"});
  write_out(value, "/method", &Json::is_string, {"name"});
  write_out(value, "/train/best_metric", &Json::is_string, {"name"});
  write_out(value, "/evaluate/max_items", &Json::is_number, {"dev", "test"});
  return value;
}

bool is_another(const Json& method, const Json& later) {
  return later.contains("name") && (!method.contains("name") || method.at("name") != later.at("name"));
}

std::vector<std::string> tokens_of(const Pointer& pointer) {
  std::vector<std::string> tokens;
  for (Json::json_pointer rest(pointer); !rest.empty(); rest.pop_back()) tokens.push_back(rest.back());
  std::reverse(tokens.begin(), tokens.end());
  return tokens;
}

std::optional<std::size_t> index_in(const Json& list, const std::string& token) {
  constexpr std::size_t kMostDigits = 9;
  if (token.empty() || token.size() > kMostDigits) return std::nullopt;
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  const std::size_t index = std::stoul(token);
  if (index >= list.size()) return std::nullopt;
  return index;
}

}  // namespace

void MergedDocument::add(Source source, Json value) {
  sources_.push_back(std::move(source));
  value = written_out(std::move(value));
  drop_alternatives([&](const Pointer& pointer) { return given(value, pointer); });
  merge("", value_, value);
}

void MergedDocument::begin_values(const std::vector<Pointer>& pointers) {
  drop_alternatives(
      [&](const Pointer& pointer) { return std::find(pointers.begin(), pointers.end(), pointer) != pointers.end(); });
}

std::string MergedDocument::set(Source source, const Pointer& pointer, const Json& value) {
  sources_.push_back(std::move(source));
  Json* target = &value_;
  try {
    for (const auto& token : tokens_of(pointer)) {
      if (target->is_array()) {
        const auto index = index_in(*target, token);
        if (!index) return "'" + token + "' is no index of a list of " + std::to_string(target->size());
        target = &(*target)[*index];
      } else if (target->is_object() || target->is_null()) {
        target = &(*target)[token];
      } else {
        return "there is no '" + token + "' in a value that is no object";
      }
    }
  } catch (const Json::parse_error&) {
    return "is no JSON pointer; '~' in a key is written '~0'";
  }
  put(pointer, *target, value);
  value_ = written_out(std::move(value_));
  return "";
}

const Source& MergedDocument::source(Pointer pointer) const {
  while (true) {
    if (const auto found = origin_.find(pointer); found != origin_.end()) return sources_[found->second];
    if (pointer.empty()) return sources_.front();
    pointer.resize(pointer.rfind('/'));
  }
}

void MergedDocument::drop_alternatives(const std::function<bool(const Pointer&)>& given) {
  for (const auto& [one, other] : kAlternatives) {
    if (given(one) && !given(other)) drop(other);
    if (given(other) && !given(one)) drop(one);
  }
}

void MergedDocument::drop(const Pointer& pointer) {
  const Json::json_pointer at(pointer);
  if (!value_.contains(at)) return;
  value_.at(at.parent_pointer()).erase(at.back());
  forget(pointer);
}

void MergedDocument::forget(const Pointer& pointer) {
  origin_.erase(pointer);
  const Pointer below = pointer + "/";
  for (auto it = origin_.lower_bound(below); it != origin_.end() && it->first.compare(0, below.size(), below) == 0;) {
    it = origin_.erase(it);
  }
}

void MergedDocument::mark(const Pointer& pointer, const Json& value) {
  origin_[pointer] = sources_.size() - 1;
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) mark(io::child(pointer, key), member);
}

void MergedDocument::put(const Pointer& pointer, Json& target, const Json& value) {
  forget(pointer);
  target = value;
  mark(pointer, value);
}

void MergedDocument::merge(const Pointer& pointer, Json& target, const Json& value) {
  origin_[pointer] = sources_.size() - 1;
  for (const auto& [key, member] : value.items()) {
    const Pointer at = io::child(pointer, key);
    const auto found = target.find(key);
    const bool both = found != target.end() && found->is_object() && member.is_object();
    if (both && !(at == "/method" && is_another(*found, member))) merge(at, *found, member);
    else put(at, target[key], member);
  }
}

}  // namespace peftlab::lab
