#include "core/page/material.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <string_view>

#include "core/compare/find_runs.h"
#include "core/compare/json_access.h"
#include "core/io/files.h"
#include "core/page/tables.h"

namespace peftlab::page {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestFileBytes = uint64_t{1} << 28;

/// The file of a run's record: runs are known by their folder or by a file.
fs::path record_file(const fs::path& source) {
  std::error_code error;
  return fs::is_directory(source, error) ? source / "run.json" : source;
}

/// Others' files may be broken in any way, and the table says so: here they are as if they were not there.
io::Json read_object(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return io::Json::object();
  try {
    auto value = io::parse_json(io::read_file(file, kLargestFileBytes), file.string()).value;
    if (value.is_object()) return value;
  } catch (const std::exception&) {
  }
  return io::Json::object();
}

RowMaterial row_material(const compare::Comparison& comparison, size_t index) {
  RowMaterial material;
  material.row = &comparison.rows[index];
  material.series = static_cast<int>(index);
  bool counts_found = false;
  for (const size_t i : material.row->runs) {
    const auto& run = comparison.runs[i];
    if (!counts_found && run.problem.empty()) {
      material.shown = material.runs.size();
      counts_found = true;
    }
    material.runs.push_back(&run);
    material.records.push_back(read_object(record_file(run.source)));
    std::error_code error;
    const auto metrics = record_file(run.source).parent_path() / "metrics.jsonl";
    if (material.row->untrained || !fs::is_regular_file(metrics, error)) continue;
    try {
      material.curves.push_back(compare::read_learning_curve(metrics));
    } catch (const std::exception&) {
    }
  }
  return material;
}

/// Where there are several groups, the baseline and the split need be in one of them alone.
std::vector<compare::Comparison> compare_each(std::vector<std::vector<compare::Run>> groups,
                                              const compare::ComparisonOptions& options) {
  std::vector<compare::Comparison> comparisons;
  std::exception_ptr refusal;
  size_t num_refused = 0;
  for (auto& runs : groups) {
    try {
      comparisons.push_back(compare::compare(runs, options));
    } catch (const ConfigError&) {
      if (++num_refused == 1) refusal = std::current_exception();
      if (num_refused == groups.size()) std::rethrow_exception(refusal);
      comparisons.push_back(compare::compare(std::move(runs), {}));
    }
  }
  return comparisons;
}

std::optional<Answer> answer_of(const io::Json& line, size_t most_characters) {
  const auto item = compare::count_at(line, "item");
  const auto score = compare::number_at(line, "score");
  if (!item || !score) return std::nullopt;
  const auto text = [&](const char* key) { return clipped(compare::text_at(line, key), most_characters); };
  return Answer{*item, text("reference"), text("text"), text("base_text"), *score};
}

}  // namespace

fs::path RowMaterial::folder() const { return record_file(runs[shown]->source).parent_path(); }

std::string RowMaterial::shown_label() const {
  if (runs.size() < 2 || !runs[shown]->seed) return row->label;
  return row->label + ", seed " + std::to_string(*runs[shown]->seed);
}

Material gather(const std::vector<fs::path>& paths, const compare::ComparisonOptions& options) {
  auto found = compare::find_runs(paths);
  Material material;
  material.notes = std::move(found.notes);
  material.apart = compare::unlike(found.runs);
  auto comparisons = compare_each(compare::split_alike(std::move(found.runs)), options);
  for (auto& comparison : comparisons) material.groups.push_back({std::move(comparison), {}});
  for (auto& group : material.groups) {
    for (size_t i = 0; i < group.comparison.rows.size(); ++i) group.rows.push_back(row_material(group.comparison, i));
  }
  return material;
}

std::vector<MatrixUpdate> read_updates(const fs::path& folder) {
  std::vector<MatrixUpdate> updates;
  const auto document = read_object(folder / "updates.json");
  const auto* matrices = compare::find(document, "matrices");
  if (matrices == nullptr || !matrices->is_array()) return updates;
  for (const auto& entry : *matrices) {
    MatrixUpdate update{compare::text_at(entry, "matrix"),
                        compare::number_at(entry, "weight_norm").value_or(NAN),
                        compare::number_at(entry, "update_norm").value_or(NAN),
                        {}};
    const auto* values = compare::find(entry, "singular_values");
    if (values != nullptr && values->is_array()) {
      for (const auto& value : *values) {
        if (value.is_number()) update.singular_values.push_back(value.get<double>());
      }
    }
    updates.push_back(std::move(update));
  }
  return updates;
}

std::vector<Answer> read_answers(const fs::path& folder, const std::string& split, size_t most,
                                 size_t most_characters) {
  std::vector<Answer> answers;
  std::error_code error;
  if (!fs::is_regular_file(folder / "predictions.jsonl", error)) return answers;
  std::string text;
  try {
    text = io::read_file(folder / "predictions.jsonl", kLargestFileBytes);
  } catch (const ConfigError&) {
    return answers;
  }
  for (size_t begin = 0; begin < text.size() && answers.size() < most;) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const auto line =
        io::Json::parse(std::string_view(text).substr(begin, end - begin), nullptr, /*allow_exceptions=*/false);
    begin = end + 1;
    if (!line.is_object()) break;
    if (compare::text_at(line, "split") != split) continue;
    auto answer = answer_of(line, most_characters);
    if (!answer) break;
    answers.push_back(std::move(*answer));
  }
  return answers;
}

}  // namespace peftlab::page
