#include <algorithm>
#include <map>

#include "core/data/records/characters.h"
#include "core/data/report/report.h"
#include "core/data/report/report_text.h"

namespace peftlab::data {
namespace {

const std::map<std::string, const char*> kCategoryNames = {
    {"Lu", "upper-case letter"},   {"Ll", "lower-case letter"},  {"Lt", "title-case letter"},   {"Lm", "modifier letter"},
    {"Lo", "letter or ideograph"}, {"Mn", "combining mark"},     {"Mc", "spacing mark"},        {"Me", "enclosing mark"},
    {"Nd", "decimal digit"},       {"Nl", "letter number"},      {"No", "other number"},        {"Pc", "connector"},
    {"Pd", "dash"},                {"Ps", "opening bracket"},    {"Pe", "closing bracket"},     {"Pi", "opening quote"},
    {"Pf", "closing quote"},       {"Po", "other punctuation"},  {"Sm", "mathematical symbol"}, {"Sc", "currency symbol"},
    {"Sk", "modifier symbol"},     {"So", "other symbol"},       {"Zs", "space"},               {"Zl", "line separator"},
    {"Zp", "paragraph separator"}, {"Cc", "control"},            {"Cf", "format"},              {"Cs", "surrogate"},
    {"Co", "private use"},         {"Cn", "not assigned"}};

/// The character itself where it can be seen, in two columns.
std::string shown(char32_t character) {
  const std::string text = to_utf8(character);
  const int width = display_width(text);
  const bool seen = visible(text) == text && (width == 1 || width == 2) && character != U' ';
  return left(seen ? text : "", 2);
}

void print_cut(std::ostream& out, const std::string& line, const ReportStyle& style) {
  out << cut_to_width(line, style.width) << '\n';
}

void print_categories(std::ostream& out, const Dataset& dataset, const ReportStyle& style) {
  struct Sum {
    int64_t kinds = 0, source = 0, records = 0;
  };
  std::map<std::string, Sum> sums;
  for (const CharacterCount& count : dataset.characters) {
    Sum& sum = sums[category_of(count.character)];
    ++sum.kinds;
    sum.source += count.in_source;
    sum.records += count.in_records;
  }
  print_cut(out, left("category", 26) + right("different", 10) + right("in the source", 16) + right("in what is left", 18), style);
  for (const auto& [category, sum] : sums) {
    print_cut(out, left(category + " " + kCategoryNames.at(category), 26) + right(grouped(sum.kinds), 10) +
                       right(grouped(sum.source), 16) + right(grouped(sum.records), 18), style);
  }
}

void print_suspicious(std::ostream& out, const Dataset& dataset, const ReportStyle& style) {
  bool any = false;
  for (const CharacterCount& count : dataset.characters) {
    const auto why = suspicion_of(count.character);
    if (!why) continue;
    if (!any) print_cut(out, "\nsuspicious characters: count in the source, in what is left", style);
    any = true;
    const std::string line = "! " + left(code_point_name(count.character), 9) + shown(count.character) + " " +
                             category_of(count.character) + right(grouped(count.in_source), 9) + right(grouped(count.in_records), 9) +
                             "  " + *why;
    print_cut(out, line, style);
  }
  if (!any) out << "\nsuspicious characters: none\n";
}

void print_all(std::ostream& out, const Dataset& dataset, const ReportStyle& style) {
  constexpr int kCellColumns = 26;
  const int cells = std::max(style.width / kCellColumns, 1);
  print_cut(out, "\nall characters with their count in the source, suspicious ones marked !", style);
  int column = 0;
  for (const CharacterCount& count : dataset.characters) {
    const std::string mark = suspicion_of(count.character) ? "!" : " ";
    out << (column == 0 ? "" : "  ") << mark << left(code_point_name(count.character), 8) << shown(count.character) << " " << category_of(count.character)
        << right(grouped(count.in_source), 10);
    column = (column + 1) % cells;
    if (column == 0) out << '\n';
  }
  if (column != 0) out << '\n';
}

}  // namespace

void print_characters(std::ostream& out, const Dataset& dataset, const ReportStyle& style) {
  out << "\ncharacters: " << grouped(static_cast<int64_t>(dataset.characters.size())) << " different\n";
  print_categories(out, dataset, style);
  print_suspicious(out, dataset, style);
  print_all(out, dataset, style);
}

}  // namespace peftlab::data
