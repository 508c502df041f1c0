#include "core/data/report/report.h"

#include <algorithm>

#include "core/data/records/characters.h"
#include "core/data/records/placeholders.h"
#include "core/data/report/report_text.h"

namespace peftlab::data {
namespace {

constexpr int kLabelColumns = 12;
constexpr int kHashDigits = 16;

void print_line(std::ostream& out, const std::string& label, const std::string& text, const ReportStyle& style) {
  out << left(label, kLabelColumns) << cut_to_width(text, style.width - kLabelColumns) << '\n';
}

void print_examples(std::ostream& out, const DropReason& reason, const ReportStyle& style) {
  constexpr int kIndent = 4;
  for (const auto& example : reason.examples) {
    out << std::string(kIndent, ' ') << cut_to_width(visible(example), style.width - kIndent) << '\n';
  }
}

void print_reason(std::ostream& out, const std::string& why, const DropReason& reason, const ReportStyle& style) {
  constexpr int kCountColumns = 9;
  out << right(grouped(reason.count), kCountColumns) << "  " << cut_to_width(visible(why), style.width - kCountColumns - 2) << '\n';
  print_examples(out, reason, style);
}

std::string kind_name(SourceKind kind) {
  return kind == SourceKind::csv ? "csv" : kind == SourceKind::json ? "json" : "jsonl";
}

/// `count` with an s behind the word unless it is 1.
std::string counted(int64_t count, const std::string& word) { return grouped(count) + " " + word + (count == 1 ? "" : "s"); }

void print_message(std::ostream& out, const Json& message, const ReportStyle& style) {
  const std::string role = message.at("role").get<std::string>();
  WrappedText text(out, style.width, /*indent=*/2);
  text.text(role + ": ");
  const std::string content = text_of(message.at("content"));
  for (size_t begin = 0; begin <= content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    text.text(visible(content.substr(begin, end - begin)));
    if (end < content.size()) text.new_line();
    begin = end + 1;
  }
}

/// The value that `share` of the sorted values do not exceed (nearest rank).
int64_t quantile(const std::vector<int64_t>& sorted, double share) {
  const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.size()) + 0.999999);
  return sorted[std::min(std::max<size_t>(rank, 1), sorted.size()) - 1];
}

void print_length_row(std::ostream& out, const std::string& name, std::vector<int64_t> values, const ReportStyle& style) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  int64_t sum = 0;
  for (const int64_t value : values) sum += value;
  std::string line = left(name, 18);
  for (const int64_t value : {values.front(), quantile(values, 0.5), quantile(values, 0.95), values.back()}) {
    line += right(grouped(value), 9);
  }
  out << cut_to_width(line + right(grouped(sum), 13), style.width) << '\n';
}

void print_split_lengths(std::ostream& out, const std::string& name, const ExampleSet& set, const ReportStyle& style) {
  std::vector<int64_t> lengths, prompts, trained;
  for (const Example& example : set.examples) {
    lengths.push_back(example.full_length);
    prompts.push_back(static_cast<int64_t>(example.prompt.size()));
    trained.push_back(example.num_trained());
  }
  print_length_row(out, name + ", whole", lengths, style);
  print_length_row(out, name + ", prompt", prompts, style);
  print_length_row(out, name + ", trained", trained, style);
}

void print_split_facts(std::ostream& out, const std::string& name, const ExampleSet& set, const TokenisedSplits& tokens,
                       const ReportStyle& style) {
  std::vector<const Example*> examples;
  for (const Example& example : set.examples) examples.push_back(&example);
  WrappedText text(out, style.width, /*indent=*/2);
  const auto sentence = [&](const std::string& words) {
    for (size_t begin = 0; begin < words.size();) {
      const size_t end = std::min(words.find(' ', begin), words.size() - 1) + 1;
      text.word(words.substr(begin, end - begin));
      begin = end;
    }
  };
  sentence(name + ": " + counted(set.num_truncated, "example") + " truncated" +
           (tokens.options.max_length > 0 ? " to " + grouped(tokens.options.max_length) + " tokens, " : " (no max_length), ") +
           counted(set.num_seam_mismatches, "seam") + " where answer and prompt share a token, " +
           counted(set.num_ends_added, "turn end") + " added, the first " + grouped(shared_beginning(examples)) +
           " tokens are the same in all.");
  if (!set.end_of_turn.empty()) sentence(" Turns end with");
  for (const int64_t id : set.end_of_turn) sentence(" " + std::to_string(id) + " " + visible(tokens.format->decode({id})));
}

int64_t count_of(const std::vector<int64_t>& ids, const std::vector<int64_t>& wanted) {
  return std::count_if(ids.begin(), ids.end(),
                       [&](int64_t id) { return std::find(wanted.begin(), wanted.end(), id) != wanted.end(); });
}

struct Marks {
  const char *open, *close;
};

/// Calls `each(begin, end, trained)` for every run of tokens that are all trained or all not.
template <typename Each>
void for_each_run(const Example& example, const Each& each) {
  for (size_t begin = 0; begin < example.ids.size();) {
    size_t end = begin;
    while (end < example.ids.size() && example.trained[end] == example.trained[begin]) ++end;
    each(begin, end, example.trained[begin] != 0);
    begin = end;
  }
}

void put_mark(WrappedText& text, const char* mark, const ReportStyle& style) {
  if (style.colour) text.raw(mark);
  else text.text(mark);
}

}  // namespace

void print_records(std::ostream& out, const Task& task, const Dataset& dataset, const ReportStyle& style) {
  print_line(out, "task", task.path.string(), style);
  print_line(out, "about", task.about, style);
  print_line(out, "source", task.source.file.string() + " (" + kind_name(task.source.kind) + ")", style);
  print_line(out, "sha-256", dataset.source_sha256, style);
  print_line(out, "read", counted(dataset.num_read, "record"), style);
  if (!dataset.descriptions.empty()) {
    print_line(out, "passed over", counted(static_cast<int64_t>(dataset.descriptions.size()), "description row"), style);
    print_examples(out, {0, dataset.descriptions}, style);
  }
  print_line(out, "left", grouped(dataset.num_clean) + " after cleaning, " + grouped(dataset.num_unique) + " without duplicates", style);
  for (const SplitData& split : dataset.splits) {
    print_line(out, "split", split.name + ": " + counted(static_cast<int64_t>(split.conversations.size()), "conversation"), style);
  }
  print_line(out, "data hash", dataset.hash.substr(0, kHashDigits), style);
  out << "\ndropped, and why" << (dataset.drops.empty() ? ": nothing" : "") << '\n';
  std::vector<std::pair<std::string, DropReason>> drops(dataset.drops.begin(), dataset.drops.end());
  std::stable_sort(drops.begin(), drops.end(), [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  for (const auto& [why, reason] : drops) print_reason(out, why, reason, style);
  if (dataset.duplicates.count > 0) print_reason(out, "duplicate of an earlier record", dataset.duplicates, style);
  if (dataset.leaks.count > 0) print_reason(out, "same input as a record of another split", dataset.leaks, style);
}

void print_lengths(std::ostream& out, const TokenisedSplits& tokens, const ReportStyle& style) {
  out << cut_to_width("\ntokens of " + tokens.model + ", format " + tokens.format->hash().substr(0, kHashDigits), style.width) << '\n';
  std::string heading = left("", 18);
  for (const char* name : {"min", "median", "p95", "max"}) heading += right(name, 9);
  out << cut_to_width(heading + right("sum", 13), style.width) << '\n';
  for (const auto& [name, set] : tokens.splits) print_split_lengths(out, name, set, style);
  for (const auto& [name, set] : tokens.splits) print_split_facts(out, name, set, tokens, style);
}

void print_preview(std::ostream& out, const Example& example, const ChatFormat& format, const ReportStyle& style) {
  const Marks marks = style.colour ? Marks{"\x1b[32m", "\x1b[0m"} : Marks{"«", "»"};
  const auto bos = format.bos();
  out << "  record " << example.row << ": " << counted(static_cast<int64_t>(example.ids.size()), "token") << ", "
      << example.num_trained() << " trained, BOS " << (bos ? std::to_string(count_of(example.ids, {*bos})) : "none") << ", EOS "
      << count_of(example.ids, format.ends()) << (example.truncated() ? ", truncated" : "") << '\n';
  WrappedText text(out, style.width, /*indent=*/4);
  for_each_run(example, [&](size_t begin, size_t end, bool trained) {
    if (trained) put_mark(text, marks.open, style);
    const auto at = [&](size_t i) { return example.ids.begin() + static_cast<std::ptrdiff_t>(i); };
    const std::string piece = format.decode({at(begin), at(end)});
    for (size_t from = 0; from < piece.size();) {
      const size_t stop = std::min(piece.find('\n', from), piece.size());
      text.text(visible(piece.substr(from, stop - from)));
      if (stop < piece.size()) {
        text.text("⏎");
        text.new_line();
      }
      from = stop + 1;
    }
    if (trained) put_mark(text, marks.close, style);
  });
  text.new_line();
  for_each_run(example, [&](size_t begin, size_t end, bool trained) {
    for (size_t i = begin; i < end; ++i) {
      if (trained && i == begin) put_mark(text, marks.open, style);
      const bool closes = trained && i + 1 == end && !style.colour;
      text.word(std::to_string(example.ids[i]) + (closes ? "" : " "));
    }
    if (trained) put_mark(text, style.colour ? marks.close : "» ", style);
  });
}

void print_report(std::ostream& out, const Task& task, const Dataset& dataset, const TokenisedSplits* tokens,
                  const ReportStyle& style) {
  print_records(out, task, dataset, style);
  print_characters(out, dataset, style);
  if (tokens != nullptr) print_lengths(out, *tokens, style);
  const auto shown = static_cast<size_t>(std::max(style.previews, 0));
  if (tokens != nullptr) {
    for (const auto& [name, set] : tokens->splits) {
      out << "\n" << name << (style.colour ? ", trained tokens in colour" : ", trained tokens between « and »") << '\n';
      for (size_t i = 0; i < std::min(shown, set.examples.size()); ++i) print_preview(out, set.examples[i], *tokens->format, style);
    }
    return;
  }
  for (const SplitData& split : dataset.splits) {
    out << "\n" << split.name << '\n';
    for (size_t i = 0; i < std::min(shown, split.conversations.size()); ++i) {
      for (const Json& message : split.conversations[i].messages) print_message(out, message, style);
      out << '\n';
    }
  }
}

}  // namespace peftlab::data
