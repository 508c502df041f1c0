#include "core/text/jinja/filter_table.h"

namespace peftlab::text::jinja {

namespace {

const FilterTable& filters() {
  static const FilterTable kFilters = [] {
    FilterTable table;
    add_value_filters(table);
    add_sequence_filters(table);
    return table;
  }();
  return kFilters;
}

}  // namespace

bool is_filter(std::string_view name) { return filters().find(name) != filters().end(); }

Value apply_filter(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime) {
  const auto filter = filters().find(name);
  if (filter == filters().end()) throw Failure("unknown filter '" + name + "'");
  runtime.budget.spend();
  return filter->second(value, arguments, runtime);
}

}  // namespace peftlab::text::jinja
