// The tokenizer inside a GGUF file (tokenizer.ggml.*).
#pragma once

#include "core/io/gguf.h"
#include "core/text/tokenizer/recipe.h"

namespace peftlab::text {

/// The models "gpt2" (byte-level) and "llama" (SentencePiece). Nothing of the file is needed afterwards. What the file
/// leaves open is as the model's own tokenizer.json has it, so Qwen's texts are normalised. Throws ConfigError naming
/// the path: no or another model, a pre-tokenizer peftlab does not know (by its name), lists of different lengths, ids
/// that have no token.
TokenizerRecipe read_gguf_tokenizer(const io::GgufFile& file);

}  // namespace peftlab::text
