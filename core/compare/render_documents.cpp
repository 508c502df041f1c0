#include "core/compare/render.h"

namespace peftlab::compare {
namespace {

std::string escaped(const std::string& text, const char* special, const std::string& before) {
  std::string result;
  for (const char c : text) {
    if (std::string_view(special).find(c) != std::string_view::npos) result += before;
    result += c;
  }
  return result;
}

std::string markdown(const std::string& text) { return escaped(text, "\\|*_<>`#", "\\"); }

std::string latex(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\\':
        result += "\\textbackslash{}";
        break;
      case '~':
        result += "\\textasciitilde{}";
        break;
      case '^':
        result += "\\textasciicircum{}";
        break;
      case '<':
        result += "\\textless{}";
        break;
      case '>':
        result += "\\textgreater{}";
        break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}':
        result += '\\';
        [[fallthrough]];
      default:
        result += c;
    }
  }
  return result;
}

std::string markdown_cell(const Cell& cell) {
  std::string text = markdown(cell.text);
  if (cell.bold) text = "**" + text + "**";
  if (cell.tie) text += " =";
  if (cell.star) text += " \\*";
  return text;
}

std::string latex_cell(const Cell& cell) {
  std::string text = latex(cell.text);
  if (cell.text == "-") text = "--";
  // A row that begins with "[" would be read as an option of the line before it.
  if (text.starts_with("[")) text = "{" + text + "}";
  if (cell.bold) text = "\\textbf{" + text + "}";
  if (cell.tie) text += "$^{=}$";
  if (cell.star) text += "$^{*}$";
  return text;
}

/// "a | b | c", without what begins and ends a line.
template <typename Text>
std::string joined(const Layout& layout, const std::string& between, Text text) {
  std::string line;
  for (const auto& column : layout.columns) line += (line.empty() ? "" : between) + text(column);
  return line;
}

}  // namespace

std::string markdown_text(const Layout& layout) {
  std::string text = "**" + markdown(layout.title) + "**\n\n";
  text += "| " + joined(layout, " | ", [](const Column& c) { return markdown(c.heading); }) + " |\n";
  text += "|" + joined(layout, "|", [](const Column& c) { return std::string(c.number ? "---:" : "---"); }) + "|\n";
  for (size_t row = 0; row < layout.marks.size(); ++row) {
    text += "| " + joined(layout, " | ", [&](const Column& c) { return markdown_cell(c.cells[row]); }) + " |\n";
  }
  text += "\n";
  if (!layout.legend.empty()) text += markdown(layout.legend) + "\n\n";
  for (const auto& failure : layout.failures) text += "- " + markdown(failure) + "\n";
  for (const auto& note : layout.notes) text += "- " + markdown(note) + "\n";
  return text;
}

std::string latex_text(const Layout& layout) {
  std::string text = "\\begin{table}\n\\centering\n\\caption{" + latex(layout.title) + "}\n\\begin{tabular}{";
  for (const auto& column : layout.columns) text += column.number ? 'r' : 'l';
  text +=
      "}\n\\toprule\n" + joined(layout, " & ", [](const Column& c) { return latex(c.heading); }) + " \\\\\n\\midrule\n";
  for (size_t row = 0; row < layout.marks.size(); ++row) {
    text += joined(layout, " & ", [&](const Column& c) { return latex_cell(c.cells[row]); }) + " \\\\\n";
  }
  text += "\\bottomrule\n\\end{tabular}\n\n\\par\\smallskip\\footnotesize\\raggedright\n";
  if (!layout.legend.empty()) text += latex(layout.legend) + ".\n";
  for (const auto& failure : layout.failures) text += latex(failure) + ".\n";
  for (const auto& note : layout.notes) text += latex(note) + ".\n";
  return text + "\\end{table}\n";
}

}  // namespace peftlab::compare
