// How a tokenizer cuts a text into the pieces that its model sees one by one ("pre-tokenizers").
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/tokenizer/aligned.h"

namespace peftlab::text {

/// A text and the pieces it is cut into, in order; what lies in no piece is dropped.
struct Pieces {
  AlignedText text;
  std::vector<Range> ranges;  // never empty ones
};

using Splitter = std::function<void(Pieces&)>;

/// ByteLevel Split Metaspace Digits Whitespace WhitespaceSplit Punctuation Sequence; null leaves the text whole. Throws
/// ConfigError naming any other type.
Splitter make_splitter(const nlohmann::json& part, const std::string& where);

/// The byte that a character of byte-level vocabularies stands for, or -1 ("Ġ" is 0x20; openai/gpt-2, encoder.py).
int byte_of_character(char32_t c);

/// The character that stands for a byte, in UTF-8.
const std::string& character_of_byte(unsigned char byte);

/// GPT-2's regular expression.
extern const char* const kGpt2Regex;

}  // namespace peftlab::text
