// What examples need of a model: its chat template and its tokenizer, seen as one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/io/json.h"

namespace peftlab::data {

/// Bytes [begin, end) of the text a token came from. A character cut over several tokens gives each of them its own bytes or all
/// of the character's.
struct ByteSpan {
  size_t begin = 0, end = 0;
};

struct Encoding {
  std::vector<int64_t> ids;
  std::vector<ByteSpan> spans;  // one a token, begins never going back
};

class ChatFormat {
 public:
  virtual ~ChatFormat() = default;

  /// The text of messages in the model's template. Throws ConfigError where the template refuses them.
  virtual std::string render(const io::Json& messages, bool add_generation_prompt) const = 0;
  /// Special tokens written in the text become their ids; none is added.
  virtual Encoding encode(std::string_view text) const = 0;
  /// Special tokens are written out. Always UTF-8.
  virtual std::string decode(const std::vector<int64_t>& ids) const = 0;
  virtual bool is_special(int64_t id) const = 0;
  virtual std::optional<int64_t> bos() const = 0;
  /// The ids at which generation ends, the main one first.
  virtual std::vector<int64_t> ends() const = 0;
  /// SHA-256 of all in tokenizer and template that decides ids.
  virtual std::string hash() const = 0;
};

}  // namespace peftlab::data
