// What a reader of a table must know to read it rightly.
#pragma once

#include <string>
#include <vector>

#include "core/compare/comparison.h"

namespace peftlab::compare {

/// Sentences, the weightiest first.
std::vector<std::string> notes_on(const Comparison& comparison);

/// How the differences were tested and adjusted, in a few words: "p: over seeds and items, Holm".
std::string test_named(const Comparison& comparison);

}  // namespace peftlab::compare
