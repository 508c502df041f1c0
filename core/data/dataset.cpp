#include "core/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "core/data/records/placeholders.h"
#include "core/data/records/records.h"
#include "core/data/shuffle.h"
#include "core/io/files.h"

namespace peftlab::data {
namespace {

constexpr size_t kExamples = 3;
constexpr size_t kCodePoints = 0x110000;

class Preparation {
 public:
  Preparation(const Task& task, const PrepareOptions& options)
      : task_(task), options_(options), in_source_(options.full_account ? kCodePoints : 0), in_records_(in_source_.size()) {}

  Dataset run() {
    read();
    remove_duplicates();
    shuffle(records_, named_stream(task_.split.seed, "split"));
    if (options_.full_account) {
      for (const Record& record : records_) count_without_derived(record.fields);
    }
    divide();
    list_characters();
    result_.hash = hash();
    return std::move(result_);
  }

 private:
  void read() {
    Records source = read_records(task_.source);
    result_.source_sha256 = source.sha256;
    result_.descriptions = std::move(source.descriptions);
    result_.num_read = static_cast<int64_t>(source.records.size());
    for (Record& record : source.records) {
      count(record.fields, in_source_);
      const Json before = options_.full_account ? record.fields : Json();
      auto reason = clean(task_.clean, record.fields);
      if (!reason) reason = find_empty(task_.clean, record.fields);
      if (!reason) reason = derive(task_.derive, record.fields);
      if (!reason) reason = find_empty(task_.clean, record.fields);
      if (!reason) reason = filter(task_.keep, record.fields);
      if (reason) drop(*reason, record.row, before.is_null() ? record.fields : before);
      else records_.push_back(std::move(record));
    }
    result_.num_clean = static_cast<int64_t>(records_.size());
  }

  void remove_duplicates() {
    std::unordered_set<std::string> seen;
    std::vector<Record> unique;
    for (Record& record : records_) {
      if (seen.insert(key_of(record.fields)).second) unique.push_back(std::move(record));
      else note(result_.duplicates, record.row, record.fields);
    }
    records_ = std::move(unique);
    result_.num_unique = static_cast<int64_t>(records_.size());
  }

  std::string key_of(const Json& fields) const {
    if (task_.unique.empty()) return fields.dump();
    std::string key;
    for (const auto& name : task_.unique) {
      const auto found = fields.find(name);
      const std::string text = found == fields.end() ? "" : found->is_string() ? found->get<std::string>() : found->dump();
      key += (found == fields.end() ? "-" : found->is_string() ? "t" : "j") + std::to_string(text.size()) + ":" + text;
    }
    return key;
  }

  /// Fills the splits one after the other, in the order of the records. Records whose input was seen go where it went, or nowhere.
  void divide() {
    const auto targets = sizes();
    for (const auto& [name, size] : targets) result_.splits.push_back({name, {}});
    std::unordered_map<std::string, size_t> split_of_input;
    size_t current = 0;
    const auto full = [&](size_t split) {
      return static_cast<int64_t>(result_.splits[split].conversations.size()) >= targets[split].second;
    };
    for (const Record& record : records_) {
      while (current < targets.size() && full(current)) ++current;
      if (current == targets.size() && !options_.full_account) break;
      auto made = make_conversation(task_, record.row, record.fields);
      if (!made.conversation) {
        drop(made.reason, record.row, record.fields);
        continue;
      }
      if (current == targets.size()) continue;
      const size_t split = split_of_input.emplace(made.conversation->input().dump(), current).first->second;
      if (split == current) result_.splits[split].conversations.push_back(std::move(*made.conversation));
      else note(result_.leaks, record.row, record.fields);
    }
    for (size_t i = 0; i < targets.size(); ++i) {
      if (result_.splits[i].conversations.empty() || (!task_.split.sizes.empty() && !full(i))) fail(targets);
    }
  }

  std::vector<std::pair<std::string, int64_t>> sizes() const {
    if (!task_.split.sizes.empty()) return task_.split.sizes;
    int64_t usable = 0;
    for (const Record& record : records_) {
      if (make_conversation(task_, record.row, record.fields).conversation) ++usable;
    }
    std::vector<std::pair<std::string, int64_t>> sizes;
    double share = 0;
    int64_t begin = 0;
    for (const auto& [name, ratio] : task_.split.ratios) {
      share += ratio;
      const auto end = std::min(usable, static_cast<int64_t>(std::llround(share * static_cast<double>(usable))));
      sizes.emplace_back(name, end - begin);
      begin = end;
    }
    return sizes;
  }

  [[noreturn]] void fail(const std::vector<std::pair<std::string, int64_t>>& targets) const {
    std::string message = task_.path.string() + ": /split: too few records:";
    for (size_t i = 0; i < targets.size(); ++i) {
      message += (i == 0 ? " '" : ", '") + targets[i].first + "' has " + std::to_string(result_.splits[i].conversations.size()) +
                 " of " + std::to_string(targets[i].second);
    }
    message += "; of " + std::to_string(result_.num_read) + " records in " + task_.source.file.string() + " " +
               std::to_string(result_.num_unique) + " are left after cleaning and de-duplication";
    std::vector<std::pair<int64_t, std::string>> reasons;
    for (const auto& [reason, drop] : result_.drops) reasons.emplace_back(-drop.count, reason);
    if (result_.duplicates.count > 0) reasons.emplace_back(-result_.duplicates.count, "duplicate");
    if (result_.leaks.count > 0) reasons.emplace_back(-result_.leaks.count, "same input as a record of another split");
    std::sort(reasons.begin(), reasons.end());
    for (size_t i = 0; i < std::min(reasons.size(), kExamples); ++i) {
      message += (i == 0 ? "; dropped: " : ", ") + reasons[i].second + " (" + std::to_string(-reasons[i].first) + ")";
    }
    throw ConfigError(message + "; ask for fewer or change the cleaning");
  }

  void drop(const std::string& reason, int64_t row, const Json& fields) { note(result_.drops[reason], row, fields); }

  void note(DropReason& reason, int64_t row, const Json& fields) const {
    ++reason.count;
    if (reason.examples.size() >= kExamples) return;
    const std::string word = task_.source.kind == SourceKind::json ? "record " : "line ";
    reason.examples.push_back(word + std::to_string(row) + ": " + dump_like_python(fields));
  }

  void count(const Json& fields, std::vector<int64_t>& counts) const {
    if (!options_.full_account) return;
    for_each_text(fields, [&](const std::string& text) {
      for (size_t at = 0; at < text.size();) ++counts[next_character(text, at)];
    });
  }

  /// What was made from other fields would count their characters twice.
  void count_without_derived(Json fields) {
    for (const Derived& rule : task_.derive) fields.erase(rule.field);
    count(fields, in_records_);
  }

  void list_characters() {
    for (size_t c = 0; c < in_source_.size(); ++c) {
      if (in_source_[c] + in_records_[c] > 0) result_.characters.push_back({static_cast<char32_t>(c), in_source_[c], in_records_[c]});
    }
  }

  std::string hash() const {
    io::Sha256 sha;
    for (const SplitData& split : result_.splits) sha.update(split.name + "\n" + to_jsonl(split.conversations));
    return sha.hex();
  }

  const Task& task_;
  const PrepareOptions& options_;
  std::vector<int64_t> in_source_, in_records_;
  std::vector<Record> records_;
  Dataset result_;
};

}  // namespace

const std::vector<Conversation>& Dataset::split(const std::string& name) const {
  std::string known;
  for (const SplitData& split : splits) {
    if (split.name == name) return split.conversations;
    known += (known.empty() ? "'" : ", '") + split.name + "'";
  }
  throw ConfigError("the task has no split '" + name + "'; it has " + known);
}

Dataset prepare(const Task& task, const PrepareOptions& options) { return Preparation(task, options).run(); }

std::string to_jsonl(const std::vector<Conversation>& conversations) {
  std::string lines;
  for (const Conversation& conversation : conversations) {
    Json messages = conversation.messages;
    for (size_t i = 0; i < messages.size(); ++i) {
      if (messages[i].at("role") == "assistant" && !conversation.trained[i]) messages[i]["loss_weight"] = 0;
    }
    lines += dump_like_python(Json{{"messages", std::move(messages)}}) + "\n";
  }
  return lines;
}

void export_splits(const Dataset& dataset, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw RunError(folder.string() + ": the folder can not be made: " + error.message());
  for (const SplitData& split : dataset.splits) io::write_file(folder / (split.name + ".jsonl"), to_jsonl(split.conversations));
}

}  // namespace peftlab::data
