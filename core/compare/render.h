// A comparison as text: for terminals, documents and programs.
#pragma once

#include <string>

#include "core/compare/comparison.h"
#include "core/compare/layout.h"
#include "core/io/json.h"

namespace peftlab::compare {

/// Plain text. Within `columns` as long as names can be cut; one table a block where all columns side by side would not
/// fit, unless `wide`.
std::string terminal_text(const Layout& layout, int columns, bool wide);

/// A table of GitHub's Markdown; bold for the best where it is so beyond chance.
std::string markdown_text(const Layout& layout);

/// A table environment; it needs the package booktabs.
std::string latex_text(const Layout& layout);

/// RFC 4180: one line a row, every number in full, units in the headings. Shares from 0 to 1; unknown is empty.
std::string csv_text(const Comparison& comparison);

/// All there is: rows with their seeds, estimates, tests and costs, fronts, notes, and the runs that were read.
io::Json to_json(const Comparison& comparison);

}  // namespace peftlab::compare
