// The text side of a model as the files that transformers reads.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/model/spec.h"

namespace peftlab::model {

/// Bytes by file name. Of a Hugging Face folder: the files of its tokenizer, chat template and generation settings as they are.
/// Of a GGUF file: tokenizer.json, tokenizer_config.json (with the chat template) and generation_config.json, made from its
/// metadata. Empty where the source has no tokenizer. Throws ConfigError for a tokenizer peftlab cannot read.
std::map<std::string, std::string> tokenizer_files(const std::filesystem::path& source, const DecoderSpec& spec);

/// bos_token_id, eos_token_id and pad_token_id for config.json, as far as the source says them.
io::Json special_token_ids(const std::filesystem::path& source);

}  // namespace peftlab::model
