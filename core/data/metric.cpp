#include "core/data/metric.h"

#include <array>
#include <cassert>

#include "core/data/records/placeholders.h"
#include "core/io/utf8.h"

namespace peftlab::data {
namespace {

constexpr int kShownColumns = 60;

std::string shown(std::string_view text) { return "'" + cut_to_width(visible(text), kShownColumns) + "'"; }

/// Equality of values, whatever the order of keys.
bool equal(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      if (!b.contains(key) || !equal(value, b.at(key))) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!equal(a[i], b[i])) return false;
    }
    return true;
  }
  return a == b;
}

std::string difference(const Json& got, const Json& expected) {
  if (!got.is_object() || !expected.is_object()) {
    return "wrong value: got " + shown(dump_like_python(got)) + ", expected " + shown(dump_like_python(expected));
  }
  std::string reasons;
  const auto add = [&](const std::string& reason) { reasons += (reasons.empty() ? "" : "; ") + reason; };
  for (const auto& [key, value] : expected.items()) {
    if (!got.contains(key)) {
      add("no field '" + key + "'");
    } else if (!equal(got.at(key), value)) {
      add("wrong field '" + key + "': got " + shown(text_of(got.at(key))) + ", expected " + shown(text_of(value)));
    }
  }
  for (const auto& [key, value] : got.items()) {
    if (!expected.contains(key)) add("field " + shown(key) + " is not asked for");
  }
  return reasons;
}

Score exact_match(const std::string& answer, const std::string& reference) {
  const std::string expected = stripped(reference);
  if (answer == expected) return {1, ""};
  return {0, answer.empty() ? "empty answer" : "got " + shown(answer) + ", expected " + shown(expected)};
}

Score exact_match_json(const std::string& answer, const std::string& reference) {
  if (answer.empty()) return {0, "empty answer"};
  Json got;
  try {
    got = io::parse_json(answer, "answer").value;
  } catch (const ConfigError&) {
    return {0, "not JSON: " + shown(answer)};
  }
  const Json expected = io::parse_json(reference, "reference").value;
  if (equal(got, expected)) return {1, ""};
  return {0, difference(got, expected)};
}

struct Metric {
  const char* name;
  Score (*score)(const std::string& answer, const std::string& reference);
};

constexpr std::array kMetrics = {
    Metric{"loss", nullptr},
    Metric{"exact_match", exact_match},
    Metric{"exact_match_json", exact_match_json},
};

const Metric* find_metric(const std::string& name) {
  for (const Metric& metric : kMetrics) {
    if (name == metric.name) return &metric;
  }
  return nullptr;
}

}  // namespace

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Metric& metric : kMetrics) all.emplace_back(metric.name);
    return all;
  }();
  return names;
}

bool needs_generation(const std::string& metric) {
  const Metric* found = find_metric(metric);
  return found != nullptr && found->score != nullptr;
}

std::string read_answer(const AnswerRule& rule, std::string_view generated) {
  size_t first = std::string_view::npos;
  size_t length = 0;
  for (const auto& stop : rule.stop) {
    const size_t at = generated.find(stop);
    if (at < first || (at == first && at != std::string_view::npos && stop.size() < length)) {
      first = at;
      length = stop.size();
    }
  }
  if (first != std::string_view::npos) generated = generated.substr(0, first + (rule.json ? length : 0));
  return stripped(generated);
}

Score score_answer(const AnswerRule& rule, std::string_view generated, std::string_view reference) {
  const Metric* metric = find_metric(rule.metric);
  assert(metric != nullptr && metric->score != nullptr);
  if (!io::is_utf8(generated)) return {0, "not UTF-8"};
  return metric->score(read_answer(rule, generated), std::string(reference));
}

}  // namespace peftlab::data
