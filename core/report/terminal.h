// What the terminal can show.
#pragma once

#include <string>
#include <string_view>

namespace peftlab::report {

/// Whether the file descriptor is a terminal.
bool is_terminal(int file);
/// Columns of the terminal; $COLUMNS or 80 where there is none.
int terminal_width(int file);
/// Whether colour is welcome: a terminal, TERM not "dumb", and no NO_COLOR.
bool has_colour(int file);
/// Columns that a UTF-8 text takes; CJK characters take two.
int display_width(std::string_view text);
/// The longest beginning of at most `columns` columns.
std::string cut_to_width(std::string_view text, int columns);

}  // namespace peftlab::report
