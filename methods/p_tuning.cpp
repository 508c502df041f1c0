// P-tuning (Liu et al., 2021, https://arxiv.org/abs/2103.10385).
//
//   h0 = [P; E(x)],   P = f(Z),   Z: (num_virtual_tokens, C),   f: an MLP, or a bidirectional LSTM and an MLP
//                                                                                                   (section 3.2)
// Z and f are trained; an adapter holds P alone and reads back as a trained P. The model does not start as the base
// model. As drawn, f gives nearly equal vectors off the embedding table; so the last layer starts with the weights that
// make P the rows of the table that `init` chooses (init "normal" leaves f as drawn, as PEFT does). Virtual tokens
// stand before the input, as in PEFT; the paper allows them between its tokens too. Dropout in the LSTM is drawn once a
// pass, for all sequences.

#include "peftlab/parts/encoder.h"
#include "peftlab/parts/prompt.h"

namespace {

using peftlab::BidirectionalLstm;
using peftlab::FeedForward;
using peftlab::Fields;
using peftlab::Value;

constexpr double kMostHidden = 65536;

class Encoder final : public peftlab::VirtualTokens {
 public:
  Encoder(std::shared_ptr<peftlab::Embedding> z, std::shared_ptr<BidirectionalLstm> lstm,
          std::shared_ptr<FeedForward> mlp)
      : z_(register_module("embedding", std::move(z))), mlp_(register_module("mlp_head", std::move(mlp))) {
    if (lstm) lstm_ = register_module("lstm_head", std::move(lstm));
  }
  torch::Tensor forward() override { return rows(is_training()); }
  int64_t num_virtual_tokens() const override { return z_->weight().size(0); }
  torch::Tensor rows(bool drops) const { return mlp_->forward(before_mlp(drops)); }  // (P, C)
  void start_at(const torch::Tensor& rows) { mlp_->start_at(before_mlp(/*drops=*/false), rows); }

 private:
  torch::Tensor before_mlp(bool drops) const { return lstm_ ? lstm_->forward(z_->weight(), drops) : z_->weight(); }

  std::shared_ptr<peftlab::Embedding> z_;  // (P, C)
  std::shared_ptr<FeedForward> mlp_;
  std::shared_ptr<BidirectionalLstm> lstm_;  // or null
};

class PTuning final : public peftlab::Method {
 public:
  explicit PTuning(peftlab::Options& options)
      : prompt_(options, {"sample_vocabulary", "text", "random", "normal"}),
        lstm_(options.choice("encoder", "mlp", {"mlp", "lstm"}, "what makes the virtual tokens") == "lstm"),
        hidden_(options.integer("encoder_hidden_size", 0, "width inside the encoder; 0: the model's",
                                {.least = 0, .most = kMostHidden})),
        num_layers_(options.integer("encoder_num_layers", 2, "layers of the LSTM", {.least = 1, .most = 64})),
        dropout_(options.number("encoder_dropout", 0.0, "between the layers of the LSTM",
                                {.least = 0.0, .most = 1.0, .below = true})) {
    const std::string alone = "belongs to encoder \"lstm\", expected none with \"mlp\"";
    if (!lstm_ && num_layers_ != 2) options.mistake("encoder_num_layers", alone);
    if (!lstm_ && dropout_ != 0.0) options.mistake("encoder_dropout", alone);
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    shape_ = points.shape();
    if (hidden_ == 0) hidden_ = shape_.width;
    if (loaded != nullptr) {
      const int64_t count = prompt_.num_virtual_tokens;
      auto room = peftlab::prompt_room(*loaded, points, {shape_.width}, count, shape_.width);
      return points.fill_virtual_tokens(std::make_shared<peftlab::PromptTable>(std::move(room)));
    }
    encoder_ = make_encoder(points);
    if (prompt_.init != "normal") encoder_->start_at(prompt_.rows(points));
    points.fill_virtual_tokens(encoder_);
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::prompt_fields("P_TUNING", prompt_.num_virtual_tokens, shape_.width, shape_.num_heads,
                                         shape_.num_layers);
    config.set("encoder_reparameterization_type", lstm_ ? "LSTM" : "MLP");
    config.set("encoder_hidden_size", hidden_);
    config.set("encoder_num_layers", num_layers_);
    config.set("encoder_dropout", dropout_);
    return config;
  }

  peftlab::Tensors to_peft(peftlab::Tensors named) const override {
    if (!encoder_) return named;
    const torch::NoGradGuard no_grad;
    return {{"prompt_embeddings", encoder_->rows(/*drops=*/false)}};
  }

  peftlab::Tensors from_peft(peftlab::Tensors saved) const override {
    if (!encoder_) return saved;
    throw peftlab::ConfigError(
        "the adapter holds what an encoder made, not the encoder; method 'prompt_tuning' can go on from it");
  }

 private:
  std::shared_ptr<Encoder> make_encoder(const peftlab::InjectionPoints& points) const {
    const auto type = points.trainable_type();
    const int64_t width = shape_.width, count = prompt_.num_virtual_tokens;
    const peftlab::Generators draw = [&](const std::string& name) { return points.generator(name); };
    auto z = std::make_shared<peftlab::Embedding>(count, width, type, "embedding", draw);
    std::shared_ptr<BidirectionalLstm> lstm;
    std::vector<int64_t> widths = {width, hidden_, hidden_, width};
    if (lstm_) {
      lstm = std::make_shared<BidirectionalLstm>(width, hidden_, num_layers_, dropout_, type, "lstm_head", draw);
      widths = {2 * hidden_, 2 * hidden_, width};
    }
    auto mlp = std::make_shared<FeedForward>(widths, FeedForward::Activation::relu, type, "mlp_head", draw);
    return std::make_shared<Encoder>(std::move(z), std::move(lstm), std::move(mlp));
  }

  peftlab::PromptOptions prompt_;
  bool lstm_;
  int64_t hidden_;
  int64_t num_layers_;
  double dropout_;
  peftlab::ModelShape shape_;
  std::shared_ptr<Encoder> encoder_;  // null: an adapter was read
};

std::optional<Fields> from_peft_config(const Fields& config) {
  auto options = peftlab::prompt_options_from_peft(
      config, "P_TUNING",
      {{"encoder_hidden_size", "encoder_hidden_size"}, {"encoder_reparameterization_type", "encoder"}},
      {"encoder_num_layers", "encoder_dropout"});
  if (!options) return std::nullopt;
  const Value* kind = options->find("encoder");
  const std::string encoder = kind == nullptr ? "MLP" : kind->text();
  options->set("encoder", encoder == "LSTM" ? "lstm" : encoder == "MLP" ? "mlp" : encoder);
  for (const char* field : {"encoder_num_layers", "encoder_dropout"}) {  // PEFT ignores them with an MLP
    const Value* value = config.find(field);
    if (encoder == "LSTM" && value != nullptr && !value->is_null()) options->set(field, *value);
  }
  return options;
}

}  // namespace

PEFTLAB_METHOD(PTuning, "p_tuning", "vectors before the input, made by a trained encoder",
               "https://arxiv.org/abs/2103.10385", false, from_peft_config)
