#include "core/compare/layout.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>

#include "core/report/human.h"

namespace peftlab::compare {
namespace {

constexpr const char* kUnknown = "-";
constexpr double kMebi = 1024.0 * 1024.0;

std::string format(const char* pattern, double value) {
  if (std::isnan(value)) return kUnknown;
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string percent(double share) { return format("%.2f", 100.0 * share); }

std::string interval_text(double low, double high, const char* pattern, double factor) {
  return "[" + format(pattern, factor * low) + ", " + format(pattern, factor * high) + "]";
}

std::string p_text(double p) { return p < 0.001 ? "<0.001" : format("%.3f", p); }

std::string seeds_text(const Row& row) {
  if (row.untrained) return kUnknown;
  return std::to_string(row.seeds.size());
}

Cell quality_cell(const Row& row) {
  if (!row.quality) return {kUnknown};
  return {percent(row.quality->value), row.is_alone, row.ties_with_best || (row.is_best && !row.is_alone), false};
}

Cell interval_cell(const Row& row) {
  if (!row.interval) return {kUnknown};
  return {interval_text(row.interval->low, row.interval->high, "%.2f", 100.0)};
}

Cell difference_cell(const Row& row) {
  if (!row.difference) return {kUnknown};
  return {format("%+.2f", 100.0 * row.difference->estimate.value), false, false,
          row.difference->adjusted_p <= 1.0 - kConfidence};
}

Cell difference_interval_cell(const Row& row) {
  if (!row.difference || row.difference->estimate.variance() <= 0.0) return {kUnknown};
  return {interval_text(row.difference->interval.low, row.difference->interval.high, "%+.2f", 100.0)};
}

Cell p_cell(const Row& row) { return {row.difference ? p_text(row.difference->adjusted_p) : kUnknown}; }

Cell forgetting_cell(const Row& row) { return {row.forgetting ? format("%+.4f", row.forgetting->value) : kUnknown}; }

Cell forgetting_interval_cell(const Row& row) {
  if (!row.forgetting || row.forgetting->parts.empty()) return {kUnknown};
  const auto interval = symmetric_interval(*row.forgetting, kConfidence);
  return {interval_text(interval.low, interval.high, "%+.4f", 1.0)};
}

std::string count_text(const std::optional<int64_t>& count) { return count ? report::human_count(*count) : kUnknown; }

std::string mebibytes(const std::optional<int64_t>& bytes) {
  if (!bytes) return kUnknown;
  const double value = static_cast<double>(*bytes) / kMebi;
  return format(value < 10.0 ? "%.2f" : value < 100.0 ? "%.1f" : "%.0f", value);
}

/// Letters for machines where there are several; times stand beside their machine.
std::map<std::string, std::string> machine_letters(const Comparison& comparison) {
  std::map<std::string, std::string> letters;
  for (const auto& row : comparison.rows) {
    if (row.timed() && !row.several_machines) letters.try_emplace(row.machine, "");
  }
  size_t next = 0;
  for (auto& [machine, letter] : letters) letter = "M" + std::to_string(++next);
  return letters;
}

class Builder {
 public:
  explicit Builder(const Comparison& comparison) : comparison_(comparison) {}

  void add(const std::string& heading, Block block, const std::function<Cell(const Row&)>& cell, bool number = true,
           bool detail = false) {
    Column column{heading, block, {}, number, detail};
    for (const auto& row : comparison_.rows) column.cells.push_back(cell(row));
    const bool empty = std::all_of(column.cells.begin(), column.cells.end(),
                                   [](const Cell& c) { return c.text == kUnknown || c.text.empty(); });
    if (!empty || block == Block::name) columns_.push_back(std::move(column));
  }

  std::vector<Column> take() { return std::move(columns_); }

 private:
  const Comparison& comparison_;
  std::vector<Column> columns_;
};

/// A record may hold anything: what would steer a terminal becomes a space.
std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::string mark_of(const Row& row) {
  std::string text;
  const auto add = [&](bool holds, const char* mark) {
    if (holds) text += (text.empty() ? "" : " ") + std::string(mark);
  };
  add(row.is_alone, "best");
  add(row.ties_with_best || (row.quality && row.is_best && !row.is_alone), "=");
  add(row.difference && row.difference->adjusted_p <= 1.0 - kConfidence, "*");
  return text;
}

std::string legend_of(const Comparison& comparison) {
  const auto& rows = comparison.rows;
  std::string text;
  if (std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.ties_with_best; })) {
    text = "= cannot be told from the best";
  }
  const auto starred = [](const Row& row) { return row.difference && row.difference->adjusted_p <= 1.0 - kConfidence; };
  if (std::any_of(rows.begin(), rows.end(), starred)) {
    text += (text.empty() ? "* differs from " : "; * differs from ") + rows[*comparison.baseline].label +
            " beyond chance at 5 %";
  }
  return printable(text);
}

void add_quality(Builder& builder) {
  builder.add("seeds", Block::quality, [](const Row& row) { return Cell{seeds_text(row)}; });
  builder.add("score, %", Block::quality, quality_cell);
  builder.add("95 % interval", Block::quality, interval_cell);
  builder.add("diff, pts", Block::quality, difference_cell);
  builder.add("95 %, pts", Block::quality, difference_interval_cell, /*number=*/true, /*detail=*/true);
  builder.add("p", Block::quality, p_cell);
}

void add_forgetting(Builder& builder, const Comparison& comparison) {
  builder.add("forgetting, nats", Block::forgetting, forgetting_cell);
  builder.add("95 %, nats", Block::forgetting, forgetting_interval_cell);
  builder.add(
      "base model", Block::forgetting,
      [](const Row& row) { return Cell{row.base_kept_as.empty() ? kUnknown : row.base_kept_as}; }, /*number=*/false);
  const auto letters = machine_letters(comparison);
  const bool mixed =
      std::any_of(comparison.rows.begin(), comparison.rows.end(), [](const Row& row) { return row.several_machines; });
  if (letters.size() < 2 && !mixed) return;
  const auto machine = [letters](const Row& row) {
    if (!row.timed()) return Cell{kUnknown};
    return Cell{row.several_machines ? "several" : letters.at(row.machine)};
  };
  builder.add("machine", Block::forgetting, machine, /*number=*/false);
}

void add_costs(Builder& builder) {
  builder.add("trained", Block::cost, [](const Row& row) { return Cell{count_text(row.costs.num_trainable)}; });
  builder.add("adapter, MiB", Block::cost, [](const Row& row) { return Cell{mebibytes(row.costs.adapter_bytes)}; });
  builder.add("tokens/s", Block::cost, [](const Row& row) {
    return Cell{row.costs.useful_tokens_per_second && !row.several_machines
                    ? format("%.0f", *row.costs.useful_tokens_per_second)
                    : kUnknown};
  });
  builder.add("train, s", Block::cost, [](const Row& row) {
    return Cell{row.costs.training_seconds && !row.several_machines ? format("%.0f", *row.costs.training_seconds)
                                                                    : kUnknown};
  });
  builder.add("peak, MiB", Block::cost, [](const Row& row) { return Cell{mebibytes(row.costs.peak_memory_bytes)}; });
}

/// The parts of the peak in training; what they leave of it is the program and its data.
void add_memory(Builder& builder) {
  const auto part = [&builder](const char* heading, std::optional<int64_t> MemoryParts::*member) {
    builder.add(heading, Block::memory, [member](const Row& row) { return Cell{mebibytes(row.costs.memory.*member)}; });
  };
  part("weights, MiB", &MemoryParts::weights);
  part("gradients, MiB", &MemoryParts::gradients);
  part("optimizer, MiB", &MemoryParts::optimizer);
  part("activations, MiB", &MemoryParts::activations);
}

std::string title_of(const Comparison& comparison) {
  if (comparison.split.empty()) return "no results";
  std::string text = "score on " + comparison.split;
  for (const auto& row : comparison.rows) {
    if (row.num_items == 0) continue;
    text += ", " + report::human_count(row.num_items) + " items";
    break;
  }
  const auto compared = [](const Row& row) { return row.difference.has_value(); };
  if (std::none_of(comparison.rows.begin(), comparison.rows.end(), compared)) return text;
  return text + "; differences to " + printable(comparison.rows[*comparison.baseline].label);
}

}  // namespace

Layout lay_out(const Comparison& comparison) {
  Builder builder(comparison);
  builder.add(
      "run", Block::name, [](const Row& row) { return Cell{printable(row.label)}; }, /*number=*/false);
  add_quality(builder);
  add_costs(builder);
  add_memory(builder);
  add_forgetting(builder, comparison);
  Layout layout;
  layout.title = title_of(comparison);
  layout.columns = builder.take();
  layout.legend = legend_of(comparison);
  for (const auto& row : comparison.rows) {
    layout.marks.push_back(mark_of(row));
    if (!row.quality && !row.problems.empty())
      layout.failures.push_back(printable(row.label + " has no result: " + row.problems.front()));
  }
  for (const auto& note : comparison.notes) layout.notes.push_back(printable(note));
  return layout;
}

}  // namespace peftlab::compare
