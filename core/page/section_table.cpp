#include "core/compare/layout.h"
#include "core/page/sections.h"
#include "core/page/tables.h"

namespace peftlab::page {
namespace {

Html content_of(const compare::Cell& cell) {
  Html content = cell.bold ? element("strong", cell.text) : Html::text(cell.text);
  if (cell.tie) content += Html::text(" =");
  if (cell.star) content += Html::text(" *");
  return content;
}

Html list_of(const std::vector<std::string>& sentences) {
  Html items;
  for (const auto& sentence : sentences) items += element("li", sentence);
  return element("ul", items);
}

}  // namespace

Html comparison_table(const Group& group) {
  const auto layout = compare::lay_out(group.comparison);
  TableData data{layout.title, {}, {}};
  data.rows.resize(group.comparison.rows.size());
  for (const auto& column : layout.columns) {
    data.headings.push_back(column.heading);
    for (size_t i = 0; i < data.rows.size(); ++i) {
      data.rows[i].push_back({content_of(column.cells[i]), column.number ? "number" : ""});
    }
  }
  Html section = table(data);
  if (!layout.legend.empty()) section += element("p", {{"class", "soft"}}, layout.legend);
  if (!layout.failures.empty()) section += element("h3", "Rows without a result") + list_of(layout.failures);
  if (!layout.notes.empty()) section += element("h3", "To read it rightly") + list_of(layout.notes);
  return section;
}

}  // namespace peftlab::page
