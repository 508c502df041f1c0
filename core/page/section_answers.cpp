// What the models wrote.
#include <algorithm>
#include <map>

#include "core/compare/json_access.h"
#include "core/page/sections.h"
#include "core/page/tables.h"

namespace peftlab::page {
namespace {

constexpr size_t kMostItemsRead = 5000, kMostItems = 20, kMostCharacters = 300, kMostRows = 30;
constexpr size_t kMostFreePrompts = 12, kMostFreeCharacters = 600, kMostFreeRows = 16;

struct RowAnswers {
  const RowMaterial* row;
  std::map<int64_t, Answer> by_item;
};

std::vector<RowAnswers> answers_of(const Group& group) {
  std::vector<RowAnswers> all;
  for (const auto& row : group.rows) {
    if (row.row->untrained || !row.row->quality || all.size() == kMostRows) continue;
    RowAnswers one{&row, {}};
    for (auto& answer : read_answers(row.folder(), group.comparison.split, kMostItemsRead, kMostCharacters)) {
      one.by_item.emplace(answer.item, std::move(answer));
    }
    if (!one.by_item.empty()) all.push_back(std::move(one));
  }
  return all;
}

struct WrongItem {
  int64_t item = 0;
  size_t num_wrong = 0, num_right = 0;
  /// Small where the rows part most evenly.
  size_t imbalance() const { return num_wrong > num_right ? num_wrong - num_right : num_right - num_wrong; }
};

/// Items with a wrong answer: those that the rows part on first, the most even ones before others.
std::vector<WrongItem> wrong_items(const std::vector<RowAnswers>& rows) {
  std::map<int64_t, WrongItem> items;
  for (const auto& row : rows) {
    for (const auto& [number, answer] : row.by_item) {
      auto& item = items[number];
      item.item = number;
      ++(answer.score >= 1.0 ? item.num_right : item.num_wrong);
    }
  }
  std::vector<WrongItem> wrong;
  for (const auto& [number, item] : items) {
    if (item.num_wrong > 0) wrong.push_back(item);
  }
  std::stable_sort(wrong.begin(), wrong.end(), [](const WrongItem& a, const WrongItem& b) {
    if ((a.num_right > 0) != (b.num_right > 0)) return a.num_right > 0;
    return a.imbalance() < b.imbalance();
  });
  return wrong;
}

TableCell long_text(const std::string& text, const char* style = "long") {
  return {text.empty() ? element("span", {{"class", "soft"}}, "(nothing)") : Html::text(text), style};
}

TableCell judged(const Answer& answer) {
  return long_text(answer.text, answer.score >= 1.0 ? "long right" : "long wrong");
}

/// The first that anyone has of an item.
const Answer& any_answer(const std::vector<RowAnswers>& rows, int64_t item) {
  for (const auto& row : rows) {
    if (const auto found = row.by_item.find(item); found != row.by_item.end()) return found->second;
  }
  return rows.front().by_item.begin()->second;
}

TableData side_by_side_of(const std::vector<RowAnswers>& rows, const std::vector<WrongItem>& items) {
  TableData data{"Answers to the same items; ✓ right, ✗ wrong", {"item", "expected", "base model"}, {}};
  for (const auto& row : rows) data.headings.push_back(row.row->shown_label());
  for (size_t i = 0; i < std::min(items.size(), kMostItems); ++i) {
    const auto& known = any_answer(rows, items[i].item);
    data.rows.push_back(
        {TableCell::of(std::to_string(items[i].item)), long_text(known.reference), long_text(known.base_text)});
    for (const auto& row : rows) {
      const auto found = row.by_item.find(items[i].item);
      data.rows.back().push_back(found == row.by_item.end() ? TableCell::of("-") : judged(found->second));
    }
  }
  return data;
}

/// Prompt and answer, in the record's order.
std::vector<std::pair<std::string, std::string>> free_texts(const io::Json& record, const char* which) {
  std::vector<std::pair<std::string, std::string>> texts;
  const auto* answers = compare::find(record, "results", which, "free_answers");
  if (answers == nullptr || !answers->is_array()) return texts;
  for (const auto& answer : *answers) {
    if (texts.size() < kMostFreePrompts)
      texts.emplace_back(compare::text_at(answer, "prompt"), compare::text_at(answer, "text"));
  }
  return texts;
}

std::string text_for(const std::vector<std::pair<std::string, std::string>>& texts, const std::string& prompt) {
  for (const auto& [asked, text] : texts) {
    if (asked == prompt) return clipped(text, kMostFreeCharacters);
  }
  return "";
}

}  // namespace

Html wrong_outputs(const Group& group) {
  const auto rows = answers_of(group);
  if (rows.empty()) return {};
  const auto items = wrong_items(rows);
  if (items.empty()) return element("p", "No row has a wrong answer.");
  std::string about =
      std::to_string(items.size()) + (items.size() == 1 ? " item was" : " items were") + " answered wrongly by a row";
  if (items.size() > kMostItems) about += "; " + std::to_string(kMostItems) + " are shown";
  about += ", those first on which the rows part most evenly.";
  size_t with_result = 0;
  for (const auto& row : group.rows) with_result += !row.row->untrained && row.row->quality ? 1 : 0;
  if (with_result > rows.size()) {
    about += " " + std::to_string(rows.size()) + " of " + std::to_string(with_result) +
             " rows are shown: the best that kept their answers.";
  }
  about += " Texts longer than " + std::to_string(kMostCharacters) + " characters are cut.";
  return element("p", {{"class", "soft"}}, about) + table(side_by_side_of(rows, items));
}

Html free_answers(const Group& group) {
  std::vector<std::pair<std::string, std::string>> before;
  std::vector<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>> after;
  size_t left_out = 0;
  for (const auto& row : group.rows) {
    if (row.row->untrained) continue;
    auto texts = free_texts(row.record(), "tuned");
    if (before.empty()) before = free_texts(row.record(), "base");
    if (texts.empty()) continue;
    if (after.size() < kMostFreeRows) {
      after.emplace_back(row.shown_label(), std::move(texts));
    } else {
      ++left_out;
    }
  }
  if (after.empty()) return {};
  TableData data{"Answers to prompts that the task does not hold, greedy", {"prompt", "before"}, {}};
  for (const auto& [label, texts] : after) data.headings.push_back(label);
  for (const auto& [prompt, text] : after.front().second) {
    data.rows.push_back({TableCell::of(clipped(prompt, kMostFreeCharacters)), long_text(text_for(before, prompt))});
    for (const auto& [label, texts] : after) data.rows.back().push_back(long_text(text_for(texts, prompt)));
  }
  Html section = table(data);
  if (left_out > 0)
    section += element("p", {{"class", "soft"}}, "Left out: " + std::to_string(left_out) + " more rows.");
  return section;
}

}  // namespace peftlab::page
