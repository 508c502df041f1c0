// Prompt tuning (Lester et al., 2021, https://arxiv.org/abs/2104.08691).
//
//   h0 = [P; E(x)],   P: (num_virtual_tokens, C) trained,   E: the frozen embedding table                      (section
//   2)
//
// The virtual tokens take part from the first step, so the model does not start as the base model. They stand behind
// whatever the embedding module does (Gemma's factor sqrt(C) too), as in PEFT. The start matters: rows of the table are
// what the model can read, N(0, 1) is not (the paper's section 3.2 finds the same).

#include "peftlab/parts/prompt.h"

namespace {

using peftlab::Fields;
using peftlab::Value;

class PromptTuning final : public peftlab::Method {
 public:
  explicit PromptTuning(peftlab::Options& options)
      : prompt_(options, {"sample_vocabulary", "text", "random", "normal"}) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    shape_ = points.shape();
    if (loaded != nullptr) loaded_ = loaded->config;
    const int64_t count = prompt_.num_virtual_tokens;
    const auto start = loaded == nullptr ? prompt_.rows(points)
                                         : peftlab::prompt_room(*loaded, points, {shape_.width}, count, shape_.width);
    points.fill_virtual_tokens(std::make_shared<peftlab::PromptTable>(start));
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::prompt_fields("PROMPT_TUNING", prompt_.num_virtual_tokens, shape_.width, shape_.num_heads,
                                         shape_.num_layers);
    // A start from a text is written only as it was read: PEFT would look for the text's tokenizer when it loads the
    // adapter.
    config.set("prompt_tuning_init", prompt_.init == "sample_vocabulary" ? "SAMPLE_VOCAB" : "RANDOM");
    for (const char* field :
         {"prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs"}) {
      if (const Value* value = loaded_.find(field))
        config.set(field, *value);
      else if (config.find(field) == nullptr)
        config.set(field, nullptr);
    }
    return config;
  }

 private:
  peftlab::PromptOptions prompt_;
  peftlab::ModelShape shape_;
  Fields loaded_;  // adapter_config.json of the adapter that was read
};

// How the training of a finished adapter had started changes nothing in it.
std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::prompt_options_from_peft(
      config, "PROMPT_TUNING", {},
      {"prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs"});
}

}  // namespace

PEFTLAB_METHOD(PromptTuning, "prompt_tuning", "trained vectors before the input", "https://arxiv.org/abs/2104.08691",
               false, from_peft_config)
