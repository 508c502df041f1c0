// Where the filters register themselves.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/text/jinja/filters.h"

namespace peftlab::text::jinja {

using Filter = std::function<Value(const Value&, Arguments&, Runtime&)>;
using FilterTable = std::map<std::string, Filter, std::less<>>;

void add_value_filters(FilterTable& table);
void add_sequence_filters(FilterTable& table);

}  // namespace peftlab::text::jinja
