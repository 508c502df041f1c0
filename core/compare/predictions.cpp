#include "core/compare/predictions.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>

#include "core/compare/items.h"
#include "core/compare/json_skim.h"
#include "core/io/files.h"
#include "peftlab/error.h"

namespace peftlab::compare {
namespace {

/// A line's values as they are written.
struct Line {
  std::string_view split, item, row, reference, score, base_score;
};

std::optional<double> number(std::string_view text) {
  if (text == "null" || text == "\"nan\"") return std::numeric_limits<double>::quiet_NaN();
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Line> fields(std::string_view text) {
  Line line;
  const bool whole = for_each_field(text, [&](std::string_view key, std::string_view value) {
    if (key == "split") line.split = value;
    if (key == "item") line.item = value;
    if (key == "row") line.row = value;
    if (key == "reference") line.reference = value;
    if (key == "score") line.score = value;
    if (key == "base_score") line.base_score = value;
    return true;
  });
  if (!whole || line.split.size() < 2 || line.split.front() != '"' || line.score.empty()) return std::nullopt;
  line.split = line.split.substr(1, line.split.size() - 2);
  return line;
}

class Reader {
 public:
  explicit Reader(std::string name) : name_(std::move(name)) {}

  void take(std::string_view text) {
    ++line_;
    const auto line = fields(text);
    if (!line)
      fail(
          "expected one prediction, an object with \"split\" and \"score\"; the file is damaged, run this experiment "
          "again");
    const std::string split(line->split);
    auto& tuned = result_.tuned[split];
    const auto item = number(line->item);
    if (!item || *item != static_cast<double>(tuned.item_scores.size())) {
      fail("item " + std::string(line->item) + " stands where " + std::to_string(tuned.item_scores.size()) +
           " is expected; the file is damaged");
    }
    tuned.item_scores.push_back(score(line->score));
    keys_[split].add(line->row, line->reference);
    if (!line->base_score.empty()) result_.base[split].item_scores.push_back(score(line->base_score));
  }

  Predictions finished() {
    for (auto* scores : {&result_.tuned, &result_.base}) {
      for (auto& [split, values] : *scores) {
        values.num_items = static_cast<int64_t>(values.item_scores.size());
        values.mean = std::accumulate(values.item_scores.begin(), values.item_scores.end(), 0.0) /
                      static_cast<double>(values.num_items);
        values.items = keys_.at(split).text();
      }
    }
    std::erase_if(result_.base,
                  [&](const auto& entry) { return entry.second.num_items != result_.tuned.at(entry.first).num_items; });
    return std::move(result_);
  }

 private:
  double score(std::string_view text) {
    const auto value = number(text);
    if (!value || *value < 0.0 || *value > 1.0) fail("score " + std::string(text) + "; expected a number from 0 to 1");
    return *value;
  }

  [[noreturn]] void fail(const std::string& message) {
    throw ConfigError(name_ + ":" + std::to_string(line_) + ": " + message);
  }

  std::string name_;
  size_t line_ = 0;
  Predictions result_;
  std::map<std::string, ItemsKey> keys_;
};

}  // namespace

Predictions read_predictions(const std::filesystem::path& file) {
  const std::string text = io::read_file(file);
  Reader reader(file.string());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    reader.take(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  return reader.finished();
}

}  // namespace peftlab::compare
