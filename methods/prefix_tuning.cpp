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

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "peftlab/encoder.h"
#include "peftlab/prompt.h"

namespace {

using peftlab::FeedForward;
using peftlab::Fields;
using peftlab::KeyValue;
using peftlab::ModelShape;
using peftlab::Value;

int64_t token_dim(const ModelShape& shape) { return shape.num_kv_heads * shape.head_width; }
int64_t row_width(const ModelShape& shape) { return 2 * shape.num_layers * token_dim(shape); }

// rows (P, 2 L K D), keys of a layer before its values -> one pair (P, K, D) for each layer
std::vector<KeyValue> keys_values_of(const torch::Tensor& rows, const ModelShape& shape) {
  const auto parts = rows.view({rows.size(0), 2 * shape.num_layers, shape.num_kv_heads, shape.head_width})
                         .transpose(0, 1)
                         .contiguous()
                         .unbind(0);
  std::vector<KeyValue> all;
  for (size_t i = 0; i < parts.size(); i += 2) all.push_back({parts[i], parts[i + 1]});
  return all;
}

torch::Tensor rows_of(const std::vector<KeyValue>& all, torch::ScalarType type) {
  std::vector<torch::Tensor> parts;  // (P, K, D) each
  for (const auto& [key, value] : all) parts.insert(parts.end(), {key.cpu().to(type), value.cpu().to(type)});
  return at::stack(parts, /*dim=*/1).flatten(1);
}

class PrefixTable final : public peftlab::PrefixPatch {
 public:
  PrefixTable(torch::Tensor start, ModelShape shape)
      : shape_(std::move(shape)), table_(register_parameter("prompt_embeddings", std::move(start))) {}
  std::vector<KeyValue> forward() override { return keys_values_of(table_, shape_); }
  int64_t num_virtual_tokens() const override { return table_.size(0); }

 private:
  ModelShape shape_;
  torch::Tensor table_;  // (P, 2 L K D)
};

class ProjectedPrefix final : public peftlab::PrefixPatch {
 public:
  ProjectedPrefix(std::shared_ptr<peftlab::Embedding> z, std::shared_ptr<FeedForward> transform, ModelShape shape)
      : shape_(std::move(shape)),
        z_(register_module("embedding", std::move(z))),
        transform_(register_module("transform", std::move(transform))) {}
  std::vector<KeyValue> forward() override { return keys_values_of(rows(), shape_); }
  int64_t num_virtual_tokens() const override { return z_->weight().size(0); }
  torch::Tensor rows() const { return transform_->forward(z_->weight()); }
  void start_at(const torch::Tensor& rows) { transform_->start_at(z_->weight(), rows); }

 private:
  ModelShape shape_;
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
    if (hidden_ == 0) hidden_ = token_dim(shape_);
    if (loaded != nullptr) {
      // PEFT accepts the model's own width here too and corrects it for grouped heads.
      const std::vector<int64_t> token_dims = {token_dim(shape_), shape_.width};
      auto room = peftlab::prompt_room(*loaded, points, token_dims, prompt_.num_virtual_tokens, row_width(shape_));
      return points.fill_prefix(std::make_shared<PrefixTable>(std::move(room), shape_));
    }
    if (!projects_) return points.fill_prefix(std::make_shared<PrefixTable>(start(points), shape_));
    projected_ = make_projected(points);
    points.fill_prefix(projected_);
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::prompt_fields("PREFIX_TUNING", prompt_.num_virtual_tokens, token_dim(shape_),
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
    const auto width = row_width(shape_);
    if (prompt_.init == "zero") return torch::zeros({prompt_.num_virtual_tokens, width}, type);
    if (prompt_.init == "normal")
      return torch::randn({prompt_.num_virtual_tokens, width}, points.generator("prefix.noise")).to(type);
    return rows_of(points.keys_values(prompt_.ids(points)), type);
  }

  std::shared_ptr<ProjectedPrefix> make_projected(const peftlab::InjectionPoints& points) const {
    const auto type = points.trainable_type();
    const int64_t dim = token_dim(shape_), count = prompt_.num_virtual_tokens;
    const std::vector<int64_t> widths = {dim, hidden_, row_width(shape_)};
    const peftlab::Generators draw = [&](const std::string& name) { return points.generator(name); };
    auto z = std::make_shared<peftlab::Embedding>(count, dim, type, "embedding", draw);
    auto transform = std::make_shared<FeedForward>(widths, FeedForward::Activation::tanh, type, "transform", draw);
    auto projected = std::make_shared<ProjectedPrefix>(std::move(z), std::move(transform), shape_);
    if (prompt_.init != "normal") projected->start_at(start(points));
    return projected;
  }

  peftlab::PromptOptions prompt_;
  bool projects_;
  int64_t hidden_;
  ModelShape shape_;
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
