#include "core/data/model_chat_format.h"

#include <algorithm>

#include "core/io/sha256.h"

namespace peftlab::data {
namespace {

class ModelChatFormat : public ChatFormat {
 public:
  ModelChatFormat(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template)
      : tokenizer_(tokenizer), template_(chat_template) {}

  std::string render(const io::Json& messages, bool add_generation_prompt) const override {
    text::RenderOptions options;
    options.add_generation_prompt = add_generation_prompt;
    return template_.render(messages, options);
  }

  Encoding encode(std::string_view text) const override {
    Encoding encoding;
    for (const text::PlacedToken& token : tokenizer_.encode_placed(text, /*add_special_tokens=*/false)) {
      encoding.ids.push_back(token.id);
      encoding.spans.push_back({token.begin, token.end});
    }
    return encoding;
  }

  std::string decode(const std::vector<int64_t>& ids) const override { return tokenizer_.decode(ids, /*skip_special=*/false); }
  bool is_special(int64_t id) const override { return tokenizer_.is_special(id); }
  std::optional<int64_t> bos() const override { return tokenizer_.bos_id(); }

  std::vector<int64_t> ends() const override {
    std::vector<int64_t> ends = tokenizer_.end_of_generation_ids();
    if (const auto eos = tokenizer_.eos_id()) {
      ends.erase(std::remove(ends.begin(), ends.end(), *eos), ends.end());
      ends.insert(ends.begin(), *eos);
    }
    return ends;
  }

  std::string hash() const override { return io::sha256_hex(tokenizer_.hash() + template_.hash()); }

 private:
  text::Tokenizer tokenizer_;
  text::ChatTemplate template_;
};

std::optional<std::string> written(const text::Tokenizer& tokenizer, std::optional<int64_t> id) {
  return id ? std::optional<std::string>(tokenizer.token_of(*id)) : std::nullopt;
}

}  // namespace

std::unique_ptr<ChatFormat> make_chat_format(const text::Tokenizer& tokenizer, const std::string& name) {
  if (!tokenizer.chat_template()) {
    throw ConfigError(name + ": no chat template; a model without one can not be asked questions: choose a chat model, or put a "
                             "chat_template.jinja beside its tokenizer");
  }
  const text::SpecialTokens special{written(tokenizer, tokenizer.bos_id()), written(tokenizer, tokenizer.eos_id()),
                                    written(tokenizer, tokenizer.unk_id()), written(tokenizer, tokenizer.pad_id()), {}};
  return make_chat_format(tokenizer, text::ChatTemplate(*tokenizer.chat_template(), special, name + ": chat template"));
}

std::unique_ptr<ChatFormat> make_chat_format(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template) {
  return std::make_unique<ModelChatFormat>(tokenizer, chat_template);
}

}  // namespace peftlab::data
