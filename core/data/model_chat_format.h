// The chat format of a model at hand.
#pragma once

#include <filesystem>
#include <memory>

#include "core/data/chat_format.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace peftlab::data {

/// `name` begins the messages of the template. Throws ConfigError when the tokenizer brings no chat template.
std::unique_ptr<ChatFormat> make_chat_format(const text::Tokenizer& tokenizer, const std::string& name);

/// With a template of one's own.
std::unique_ptr<ChatFormat> make_chat_format(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template);

}  // namespace peftlab::data
