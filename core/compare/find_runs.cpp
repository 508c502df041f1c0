#include "core/compare/find_runs.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <thread>
#include <unordered_map>

#include "core/compare/record.h"

namespace peftlab::compare {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedInANote = 3;  // of what is told in a note

/// A run's folder, though a crash may have kept it from getting its record.
bool is_run_folder(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / "run.json", error) || fs::exists(folder / "metrics.jsonl", error);
}

void search(const fs::path& folder, std::vector<fs::path>& found) {
  if (is_run_folder(folder)) {
    found.push_back(folder);
    return;
  }
  std::vector<fs::path> inner;
  std::error_code error;
  for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (it->is_directory(unknown) && !it->is_symlink(unknown)) inner.push_back(it->path());
  }
  std::sort(inner.begin(), inner.end());
  for (const auto& path : inner) search(path, found);
}

std::vector<fs::path> sources(const std::vector<fs::path>& paths) {
  std::vector<fs::path> found;
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error))
      throw ConfigError(path.string() + ": no such file or folder; expected a run's folder, or one that holds runs");
    if (fs::is_directory(path, error)) {
      search(path, found);
    } else {
      found.push_back(path.filename() == "run.json" && path.has_parent_path() ? path.parent_path() : path);
    }
  }
  std::set<std::string> seen;
  std::erase_if(found, [&](const fs::path& path) {
    std::error_code error;
    const auto real = fs::weakly_canonical(path, error);
    return !seen.insert(error ? path.string() : real.string()).second;
  });
  return found;
}

std::vector<Run> read_all(const std::vector<fs::path>& found) {
  std::vector<Run> runs(found.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < found.size(); i = next++) runs[i] = read_run(found[i]);
  };
  const size_t count =
      std::clamp<size_t>(std::thread::hardware_concurrency(), 1, std::max<size_t>(1, found.size() / 8));
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < count; ++i) helpers.emplace_back(work);
  work();
  for (auto& helper : helpers) helper.join();
  return runs;
}

/// Equal for records of the same run.
std::string place_of(const Run& run) {
  if (run.settings.empty() || !run.seed) return "";
  std::string key = run.name + '\n' + run.settings + '\n' + std::to_string(*run.seed);
  for (const auto& [name, value] : run.must_agree) key += '\n' + value;
  return key;
}

bool counts_more(const Run& a, const Run& b) {
  if (a.problem.empty() != b.problem.empty()) return a.problem.empty();
  return a.started > b.started;
}

bool same_scores(const Run& a, const Run& b) {
  for (const auto& [split, score] : a.splits) {
    const auto other = b.splits.find(split);
    if (other != b.splits.end() && other->second.mean != score.mean &&
        !(std::isnan(score.mean) && std::isnan(other->second.mean)))
      return false;
  }
  return true;
}

std::string first_names(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedInANote); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kNamedInANote) text += " and " + std::to_string(names.size() - kNamedInANote) + " more";
  return text;
}

}  // namespace

FoundRuns without_repeats(std::vector<Run> runs) {
  FoundRuns result;
  std::unordered_map<std::string, size_t> places;
  std::vector<std::string> left_out, contradicting;
  for (auto& run : runs) {
    const auto key = place_of(run);
    const auto [place, is_new] =
        key.empty() ? std::pair{places.end(), true} : places.try_emplace(key, result.runs.size());
    if (is_new) {
      result.runs.push_back(std::move(run));
      continue;
    }
    auto& kept = result.runs[place->second];
    if (run.problem.empty() && kept.problem.empty() && !same_scores(run, kept)) {
      contradicting.push_back(kept.source.string() + " and " + run.source.string());
    }
    if (counts_more(run, kept)) std::swap(run, kept);
    left_out.push_back(run.source.string());
  }
  if (!left_out.empty()) {
    result.notes.push_back(
        std::to_string(left_out.size()) + (left_out.size() == 1 ? " record is" : " records are") +
        " of a run that stands there already; the newest finished one counts. Left out: " + first_names(left_out));
  }
  if (!contradicting.empty()) result.notes.push_back("the same run with different scores: " + first_names(contradicting));
  return result;
}

FoundRuns find_runs(const std::vector<fs::path>& paths) {
  const auto found = sources(paths);
  if (found.empty()) {
    std::string where;
    for (const auto& path : paths) where += (where.empty() ? "" : ", ") + path.string();
    throw ConfigError(where + ": no runs found; expected folders with run.json, as peftlab run makes them");
  }
  return without_repeats(read_all(found));
}

}  // namespace peftlab::compare
