#include <utf8proc.h>

#include <algorithm>
#include <memory>

#include "core/data/records/placeholders.h"
#include "core/data/records/records.h"

namespace peftlab::data {
namespace {

std::string quoted(const std::string& text) { return "'" + text + "'"; }

std::string listed(const std::vector<std::string>& texts) {
  constexpr size_t kShown = 4;
  std::string list;
  for (size_t i = 0; i < std::min(texts.size(), kShown); ++i) list += (i == 0 ? "" : ", ") + quoted(texts[i]);
  return texts.size() > kShown ? list + " …" : list;
}

std::string normalized(const std::string& text, const std::string& form) {
  auto options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (form == "nfkc") options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* bytes = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                                 &bytes, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(bytes, std::free);
  return size < 0 ? text : std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string without(const std::string& text, const CharacterSet& set) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!set.contains(next_character(text, at))) result.append(text, begin, at - begin);
  }
  return result;
}

std::optional<char32_t> find_any(const std::string& text, const CharacterSet& set) {
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (set.contains(c)) return c;
  }
  return std::nullopt;
}

void clean_text(const Cleaning& rule, std::string& text) {
  if (!rule.normalize.empty()) text = normalized(text, rule.normalize);
  for (const auto& [from, to] : rule.replace) replace_all(text, from, to);
  if (!rule.remove.empty() && find_any(text, rule.remove)) text = without(text, rule.remove);
  if (rule.strip) text = stripped(text);
}

bool ends(const std::string& text, const std::string& part) {
  return text.size() >= part.size() && text.compare(text.size() - part.size(), part.size(), part) == 0;
}

template <typename Holds>
bool any_of(const std::vector<std::string>& parts, const Holds& holds) {
  return std::any_of(parts.begin(), parts.end(), holds);
}

/// What stays of `text`; `reason` is filled where the rule asks for something that is not there.
std::string cut(const Derived& rule, std::string text, const Lookup& lookup, std::string& reason) {
  const auto absent = [&](const std::string& what) {
    if (!rule.keep_otherwise && reason.empty()) reason = "field " + quoted(rule.field) + ": " + what;
  };
  const std::string prefix = fill(rule.remove_prefix, lookup);
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  else absent("does not begin with " + rule.remove_prefix);
  const std::string suffix = fill(rule.remove_suffix, lookup);
  if (ends(text, suffix)) text.erase(text.size() - suffix.size());
  else absent("does not end with " + rule.remove_suffix);
  if (!rule.after_last.empty()) {
    const size_t at = text.rfind(rule.after_last);
    if (at != std::string::npos) text.erase(0, at + rule.after_last.size());
    else absent("does not hold " + quoted(rule.after_last));
  }
  return rule.strip ? stripped(text) : text;
}

std::string failed_condition(const Filter& rule, const std::string& text) {
  const auto is = [&](const std::string& part) { return text == part; };
  const auto holds = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  const auto starts = [&](const std::string& part) { return text.starts_with(part); };
  const auto stops = [&](const std::string& part) { return ends(text, part); };
  if (!rule.one_of.empty() && !any_of(rule.one_of, is)) return "none of " + listed(rule.one_of);
  if (any_of(rule.none_of, is)) return "one of " + listed(rule.none_of);
  if (!rule.starts_with.empty() && !any_of(rule.starts_with, starts)) return "begins with none of " + listed(rule.starts_with);
  if (!rule.ends_with.empty() && !any_of(rule.ends_with, stops)) return "ends with none of " + listed(rule.ends_with);
  if (!rule.contains.empty() && !any_of(rule.contains, holds)) return "holds none of " + listed(rule.contains);
  if (any_of(rule.lacks, holds)) return "holds one of " + listed(rule.lacks);
  const auto length = static_cast<int64_t>(to_characters(text).size());
  if (length < rule.min_characters) return "shorter than " + std::to_string(rule.min_characters) + " characters";
  if (rule.max_characters && length > *rule.max_characters) return "longer than " + std::to_string(*rule.max_characters) + " characters";
  return "";
}

}  // namespace

std::optional<std::string> clean(const Cleaning& rule, Json& fields) {
  std::optional<std::string> reason;
  for_each_text(fields, [&](std::string& text) {
    clean_text(rule, text);
    if (reason || rule.drop_records_with.empty()) return;
    if (const auto found = find_any(text, rule.drop_records_with)) {
      reason = "character " + code_point_name(*found) + " (" + category_of(*found) + ")";
    }
  });
  return reason;
}

std::optional<std::string> derive(const std::vector<Derived>& rules, Json& fields) {
  const Lookup lookup = [&](const std::string& name) -> const Json& { return field_of(fields, name); };
  try {
    for (const Derived& rule : rules) {
      std::string reason;
      std::string text = cut(rule, fill(rule.text, lookup), lookup, reason);
      if (!reason.empty()) return reason;
      fields[rule.field] = std::move(text);
    }
  } catch (const NoField& absent) {
    return "no field " + quoted(absent.name);
  }
  return std::nullopt;
}

std::optional<std::string> filter(const std::vector<Filter>& rules, const Json& fields) {
  for (const Filter& rule : rules) {
    const auto found = fields.find(rule.field);
    if (found == fields.end()) return "no field " + quoted(rule.field);
    const std::string failed = failed_condition(rule, text_of(*found));
    if (!failed.empty()) return "field " + quoted(rule.field) + ": " + failed;
  }
  return std::nullopt;
}

std::optional<std::string> find_empty(const Cleaning& rule, const Json& fields) {
  for (const auto& [name, value] : fields.items()) {
    const bool allowed = std::find(rule.may_be_empty.begin(), rule.may_be_empty.end(), name) != rule.may_be_empty.end();
    if (!allowed && value.is_string() && value.get_ref<const std::string&>().empty()) return "empty field " + quoted(name);
  }
  return std::nullopt;
}

}  // namespace peftlab::data
