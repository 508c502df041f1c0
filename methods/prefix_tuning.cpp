// Prefix tuning (Li and Liang, 2021, https://arxiv.org/abs/2101.00190).
//
//   every layer l attends to [K_l; keys], [V_l; values],   K_l, V_l: (num_virtual_tokens, K, D) trained (section 4.2)
//   with projection: row v of all K_l, V_l is W2 tanh(W1 z_v + b1) + b2,   z: (num_virtual_tokens, K D) (section 4.3)
//
// The prefix takes its share of every softmax from the first step (zeros too), so the model does not start as the base
// model. Keys are used as they are: neither rotated nor normalised. They start as what the base model computes for a
// real text, which is what its attention can use (the paper's section 7.4); N(0, 1) is not. With a projection the last
// layer starts with the weights that give those keys and values. An adapter holds keys and values alone and reads back
// without a projection.

#include "peftlab/parts/encoder.h"
#include "peftlab/parts/prefix_rows.h"
#include "peftlab/parts/prompt.h"

namespace {

using peftlab::FeedForward;
using peftlab::Fields;
using peftlab::KeyValue;
using peftlab::PrefixRows;
using peftlab::PrefixTable;
using peftlab::Value;

class ProjectedPrefix final : public peftlab::PrefixPatch {
 public:
  ProjectedPrefix(std::shared_ptr<peftlab::Embedding> z, std::shared_ptr<FeedForward> transform,
                  const PrefixRows& layout)
      : layout_(layout),
        z_(register_module("embedding", std::move(z))),
        transform_(register_module("transform", std::move(transform))) {}
  std::vector<KeyValue> forward() override { return layout_.split(rows()); }
  int64_t num_virtual_tokens() const override { return z_->weight().size(0); }
  torch::Tensor rows() const { return transform_->forward(z_->weight()); }
  void start_at(const torch::Tensor& rows) { transform_->start_at(z_->weight(), rows); }

 private:
  PrefixRows layout_;
  std::shared_ptr<peftlab::Embedding> z_;  // (P, K D)
  std::shared_ptr<FeedForward> transform_;
};

class PrefixTuning final : public peftlab::Method {
 public:
  explicit PrefixTuning(peftlab::Options& options)
      : prompt_(options, {"sample_vocabulary", "text", "normal", "zero"}),
        projects_(options.flag("projection", false, "a trained network makes keys and values")),
        hidden_(options.integer("encoder_hidden_size", 0,
                                "width inside the projection; 0: as wide as a key of all heads",
                                {.least = 0, .most = 65536})) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    shape_ = points.shape();
    layout_ = PrefixRows(shape_);
    if (hidden_ == 0) hidden_ = layout_.token_dim();
    if (loaded != nullptr) {
      // PEFT accepts the model's own width here too and corrects it for grouped heads.
      const std::vector<int64_t> token_dims = {layout_.token_dim(), shape_.width};
      auto room = peftlab::prompt_room(*loaded, points, token_dims, prompt_.num_virtual_tokens, layout_.width());
      return points.fill_prefix(std::make_shared<PrefixTable>(std::move(room), layout_));
    }
    if (!projects_) return points.fill_prefix(std::make_shared<PrefixTable>(start(points), layout_));
    projected_ = make_projected(points);
    points.fill_prefix(projected_);
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::prompt_fields("PREFIX_TUNING", prompt_.num_virtual_tokens, layout_.token_dim(),
                                         shape_.num_kv_heads, shape_.num_layers);
    config.set("prefix_projection", projects_);
    config.set("encoder_hidden_size", hidden_);
    config.set("init_weights", prompt_.init == "zero" ? Value("zero") : Value(nullptr));
    return config;
  }

  peftlab::Tensors to_peft(peftlab::Tensors named) const override {
    if (!projected_) return named;
    const torch::NoGradGuard no_grad;
    return {{"prompt_embeddings", projected_->rows()}};
  }

  peftlab::Tensors from_peft(peftlab::Tensors saved) const override {
    if (!projected_) return saved;
    throw peftlab::ConfigError(
        "the adapter holds what a projection made, not the projection; projection false can go on from it");
  }

 private:
  torch::Tensor start(const peftlab::InjectionPoints& points) const {  // (P, 2 L K D)
    const auto type = points.trainable_type();
    const auto width = layout_.width();
    if (prompt_.init == "zero") return torch::zeros({prompt_.num_virtual_tokens, width}, type);
    if (prompt_.init == "normal")
      return torch::randn({prompt_.num_virtual_tokens, width}, points.generator("prefix.noise")).to(type);
    return PrefixRows::joined(points.keys_values(prompt_.ids(points)), type);
  }

  std::shared_ptr<ProjectedPrefix> make_projected(const peftlab::InjectionPoints& points) const {
    const auto type = points.trainable_type();
    const int64_t dim = layout_.token_dim(), count = prompt_.num_virtual_tokens;
    const std::vector<int64_t> widths = {dim, hidden_, layout_.width()};
    const peftlab::Generators draw = [&](const std::string& name) { return points.generator(name); };
    auto z = std::make_shared<peftlab::Embedding>(count, dim, type, "embedding", draw);
    auto transform = std::make_shared<FeedForward>(widths, FeedForward::Activation::tanh, type, "transform", draw);
    auto projected = std::make_shared<ProjectedPrefix>(std::move(z), std::move(transform), layout_);
    if (prompt_.init != "normal") projected->start_at(start(points));
    return projected;
  }

  peftlab::PromptOptions prompt_;
  bool projects_;
  int64_t hidden_;
  peftlab::ModelShape shape_;
  PrefixRows layout_;
  std::shared_ptr<ProjectedPrefix> projected_;  // null: keys and values themselves are trained
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::prompt_options_from_peft(
      config, "PREFIX_TUNING",
      {{"prefix_projection", "projection"}, {"encoder_hidden_size", "encoder_hidden_size"}, {"init_weights", "init"}},
      {});
}

}  // namespace

PEFTLAB_METHOD(PrefixTuning, "prefix_tuning", "trained keys and values before every layer's",
               "https://arxiv.org/abs/2101.00190", false, from_peft_config)
