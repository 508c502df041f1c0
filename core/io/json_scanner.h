// Walks the grammar of JSON (RFC 8259) over a text, telling where each value stands and, for broken text, what was
// expected there in plain words. Builds no values: nlohmann does.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace peftlab::io {

inline constexpr int kMaxJsonDepth = 128;

/// What is wrong with a text, and the byte where it is.
struct Fault {
  std::size_t offset;
  std::string message;
};

/// Called once per value, parents first, with its pointer (RFC 6901) and the byte where it stands: for a member of an
/// object that is where its key begins.
using Visit = std::function<void(const std::string& pointer, std::size_t offset)>;

/// The first fault of `text` (without byte order mark), or nothing where it is one whole JSON value. Besides broken
/// syntax these are faults: bytes that are not UTF-8, a key given twice in one object, numbers beyond double, nesting
/// deeper than kMaxJsonDepth. Never throws for the text's sake.
std::optional<Fault> scan_json(std::string_view text, const Visit& visit = {});

/// `token` as one step of a pointer: "~" and "/" escaped.
std::string escape_token(std::string_view token);

}  // namespace peftlab::io
