// LoRA: low-rank adaptation of large language models (Hu et al., 2021, https://arxiv.org/abs/2106.09685).
//
//   y = W x + s B A x,   A: (rank, in),  B: (out, rank),  s = alpha / rank                 (section 4.1)
//   rsLoRA (Kalajdzievski, 2023, https://arxiv.org/abs/2312.03732): s = alpha / sqrt(rank)
//
// B starts at zero, so the patched model equals the base model before the first step.

#include <cmath>
#include <optional>
#include <regex>

#include "peftlab/low_rank.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/peft.h"

namespace {

using peftlab::Fields;
using peftlab::Targets;
using peftlab::Value;

enum class Start { kKaiming, kGaussian, kRandom };

struct Size {
  int64_t rank;
  double scale;
};

// A matrix and a bias, either perhaps missing, under the names PEFT's linear layers give them.
class Factor final : public torch::nn::Module {
 public:
  Factor(torch::Tensor weight, torch::Tensor bias) {
    if (weight.defined()) weight_ = register_parameter("weight", std::move(weight));
    if (bias.defined()) bias_ = register_parameter("bias", std::move(bias));
  }
  const torch::Tensor& weight() const { return weight_; }
  const torch::Tensor& bias() const { return bias_; }

 private:
  torch::Tensor weight_;  // (rank, in) or (out, rank), or undefined
  torch::Tensor bias_;    // (out), or undefined
};

class LowRank final : public peftlab::WeightPatch {
 public:
  /// `base_bias`: the trained copy of the layer's own bias, or undefined.
  LowRank(std::shared_ptr<Factor> a, std::shared_ptr<Factor> b, double scale, double dropout, uint64_t salt, torch::Tensor base_bias)
      : a_(register_module("lora_A", a)), b_(register_module("lora_B", b)), scale_(scale), dropout_(dropout), salt_(salt) {
    if (base_bias.defined()) base_layer_ = register_module("base_layer", std::make_shared<Factor>(torch::Tensor(), std::move(base_bias)));
  }

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    const bool drops = is_training() && dropout_ > 0.0;
    auto y = peftlab::low_rank_linear(base, x, own_factors(), drops ? peftlab::dropout(x, dropout_, salt_) : torch::Tensor());
    const auto change = bias_change(base);
    return change.defined() ? y + change.to(y.scalar_type()) : y;
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto change = bias_change(base);
    if (change.defined() && !base.bias().defined()) return std::nullopt;
    auto weight = peftlab::low_rank_merged(base, own_factors());
    auto bias = base.bias().defined() ? base.bias().to(weight.scalar_type()) : torch::Tensor();
    return peftlab::Merged{weight, change.defined() ? bias + change : bias};
  }

  std::optional<peftlab::LowRankFactors> factors() const override {
    if (base_layer_ || b_->bias().defined() || (is_training() && dropout_ > 0.0)) return std::nullopt;
    return own_factors();
  }

 private:
  peftlab::LowRankFactors own_factors() const { return {a_->weight(), b_->weight(), scale_}; }

  // What is added to the layer's own bias: (out), or undefined.
  torch::Tensor bias_change(const peftlab::FrozenLinear& base) const {
    torch::Tensor change;
    if (b_->bias().defined()) change = scale_ * b_->bias();
    if (!base_layer_) return change;
    const auto moved = base_layer_->bias() - base.bias();
    return change.defined() ? change + moved : moved;
  }

  std::shared_ptr<Factor> a_;
  std::shared_ptr<Factor> b_;
  std::shared_ptr<Factor> base_layer_;  // holds the trained copy of the base's bias, or null
  double scale_;
  double dropout_;
  uint64_t salt_;
};

// The roles are reversed: row i of the table gets s B A_i. A tied head is left as it is, as PEFT does.
class LowRankTable final : public peftlab::TablePatch {
 public:
  LowRankTable(torch::Tensor a, torch::Tensor b, double scale)
      : a_(register_parameter("lora_embedding_A", std::move(a))),
        b_(register_parameter("lora_embedding_B", std::move(b))),
        scale_(scale) {}

  torch::Tensor rows(const torch::Tensor& ids, const torch::Tensor& x) override {
    const auto picked = a_.index_select(/*dim=*/1, ids).t();  // (N, rank)
    return x + (scale_ * picked.matmul(b_.t())).to(x.scalar_type());
  }

  std::optional<torch::Tensor> merged(const torch::Tensor& table) const override {
    return table.to(a_.scalar_type()) + scale_ * b_.matmul(a_).t();
  }

 private:
  torch::Tensor a_;  // (rank, V)
  torch::Tensor b_;  // (C, rank)
  double scale_;
};

constexpr int64_t kMostRank = 65536;

class Lora final : public peftlab::Method {
 public:
  explicit Lora(peftlab::Options& options)
      : rank_(options.integer("rank", 8, "rows of A and columns of B", {.least = 1, .most = static_cast<double>(kMostRank)})),
        alpha_(options.number("alpha", 8.0, "the update is scaled by alpha / rank")),
        dropout_(options.number("dropout", 0.0, "probability of dropping an input of A", {.least = 0.0, .most = 1.0, .below = true})),
        rslora_(options.flag("rslora", false, "scale by alpha / sqrt(rank) instead")),
        lora_bias_(options.flag("lora_bias", false, "B has a bias")),
        bias_(options.choice("bias", "none", {"none", "lora_only", "all"}, "which biases of the model are trained too")),
        start_(read_start(options)),
        ranks_(options, "rank_pattern", "ranks by regular expressions on module names", /*integers_to=*/kMostRank),
        alphas_(options, "alpha_pattern", "alphas by regular expressions on module names"),
        parameters_(options.texts("target_parameters", {}, "weights to fill, named as parameters (\"q_proj.weight\")")),
        saved_(options.texts("modules_to_save", {}, "modules that are trained whole")),
        targets_(options.targets("targets", default_targets(), "which matrices are filled")) {
    for (const auto& name : parameters_) {
      if (!name.ends_with(".weight")) options.mistake("target_parameters", "expected a name that ends in '.weight', got '" + name + "'");
    }
    if (!parameters_.empty() && dropout_ > 0.0) options.mistake("dropout", "does not go with target_parameters, expected 0");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const auto table = peftlab::table_module(points);
    for (const auto* base : linears(points, table)) fill(points, *base, loaded != nullptr);
    if (names_table(table)) fill_table(points, table, loaded != nullptr);
    if (!saved_.empty()) {
      Targets whole;
      whole.names = saved_;
      for (const auto* base : points.parameters(whole)) {
        points.fill_parameter(*base, std::make_shared<peftlab::ParameterPatch>(*base));
      }
    }
    if (bias_ == "all") fill_biases(points);
  }

  std::optional<Fields> peft_config() const override;
  peftlab::Tensors to_peft(peftlab::Tensors named) const override;
  peftlab::Tensors from_peft(peftlab::Tensors saved) const override;

 private:
  static Start read_start(peftlab::Options& options) {
    const auto value = options.any("init", "true: A uniform, B zero; \"gaussian\": A normal, B zero; \"random\": both uniform");
    const auto* flag = std::get_if<bool>(&value.data());
    if (value.is_null() || (flag && *flag)) return Start::kKaiming;
    if (flag || (value.is_text() && value.text() == "random")) return Start::kRandom;
    if (!value.is_text() || value.text() != "gaussian") options.mistake("init", "expected true, \"gaussian\" or \"random\"");
    return Start::kGaussian;
  }
  Targets default_targets() const {
    Targets targets;
    targets.all_linear = parameters_.empty();
    return targets;
  }

  // The rank and scale of one module: the first pattern that matches it counts.
  Size size_of(const std::string& module) const {
    const double rank = ranks_.at(module, static_cast<double>(rank_));
    return {static_cast<int64_t>(rank), alphas_.at(module, alpha_) / (rslora_ ? std::sqrt(rank) : rank)};
  }

  bool names_table(const std::string& table) const {
    return peftlab::is_named(table, targets_.names) && !peftlab::is_named(table, targets_.exclude) && targets_.layers.empty();
  }

  std::vector<const peftlab::FrozenLinear*> linears(const peftlab::InjectionPoints& points, const std::string& table) const {
    Targets targets = targets_;
    std::erase_if(targets.names, [&](const std::string& name) { return peftlab::is_named(table, {name}); });
    if (!targets.regex.empty() && std::regex_match(table, std::regex(targets.regex))) {
      throw peftlab::ConfigError("targets: the regular expression matches the embedding table '" + table +
                                 "'; name it in a list instead, or leave it out of the expression");
    }
    for (const auto& name : parameters_) targets.names.push_back(name.substr(0, name.rfind('.')));
    if (targets.names.empty() && targets.regex.empty() && !targets.all_linear) return {};
    auto chosen = points.weights(targets);
    std::erase_if(chosen, [&](const auto* base) { return peftlab::is_named(base->name(), saved_); });
    return chosen;
  }

  void fill(peftlab::InjectionPoints& points, const peftlab::FrozenLinear& base, bool loaded);
  void fill_table(peftlab::InjectionPoints& points, const std::string& table, bool loaded);
  void fill_biases(peftlab::InjectionPoints& points);

  int64_t rank_;
  double alpha_;
  double dropout_;
  bool rslora_;
  bool lora_bias_;
  std::string bias_;
  Start start_;
  peftlab::NumberPattern ranks_;
  peftlab::NumberPattern alphas_;
  std::vector<std::string> parameters_;
  std::vector<std::string> saved_;
  Targets targets_;
  std::vector<std::string> filled_;  // module names
  peftlab::Tensors frozen_;          // tables PEFT saves beside their factors, by module name
};

torch::Tensor uniform(at::IntArrayRef sizes, int64_t width, at::Generator generator) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(width));  // Kaiming's with a = sqrt(5), as in the authors' code.
  return torch::empty(sizes).uniform_(-bound, bound, std::move(generator));
}

void Lora::fill(peftlab::InjectionPoints& points, const peftlab::FrozenLinear& base, bool loaded) {
  const auto [rank, scale] = size_of(base.name());
  auto a = torch::zeros({rank, base.in()});
  auto b = torch::zeros({base.out(), rank});
  auto b_bias = lora_bias_ ? torch::zeros({base.out()}) : torch::Tensor();
  if (!loaded) {
    const auto generator = [&](const char* name) { return points.generator(base.name() + name); };
    a = start_ == Start::kGaussian ? a.normal_(0.0, 1.0 / static_cast<double>(rank), generator(".lora_A.weight"))
                                   : uniform(a.sizes(), base.in(), generator(".lora_A.weight"));
    if (start_ == Start::kRandom) {
      b = uniform(b.sizes(), rank, generator(".lora_B.weight"));
      if (lora_bias_) b_bias = uniform(b_bias.sizes(), rank, generator(".lora_B.bias"));
    }
  }
  const auto type = points.trainable_type();
  const auto as_trained = [&](const torch::Tensor& value) { return value.defined() ? value.detach().to(type) : value; };
  const bool trains_base_bias = bias_ != "none" && base.bias().defined();
  auto base_bias = trains_base_bias ? base.bias().detach().to(type, /*non_blocking=*/false, /*copy=*/true) : torch::Tensor();
  points.fill_weight(base, std::make_shared<LowRank>(std::make_shared<Factor>(as_trained(a), torch::Tensor()),
                                                     std::make_shared<Factor>(as_trained(b), as_trained(b_bias)), scale,
                                                     dropout_, peftlab::salt_of(base.name()), base_bias));
  filled_.push_back(base.name());
  if (base.layer() < 0) frozen_.emplace(base.name(), base.weight());
}

void Lora::fill_table(peftlab::InjectionPoints& points, const std::string& table, bool loaded) {
  const auto [rank, scale] = size_of(table);
  const auto frozen = points.embedding_table();
  auto a = torch::zeros({rank, frozen.size(0)});
  auto b = torch::zeros({frozen.size(1), rank});
  if (!loaded) b.normal_(0.0, 1.0, points.generator(table + ".lora_embedding_B"));
  if (!loaded && start_ == Start::kRandom) a.normal_(0.0, 1.0, points.generator(table + ".lora_embedding_A"));
  const auto type = points.trainable_type();
  points.fill_table(std::make_shared<LowRankTable>(a.to(type), b.to(type), scale));
  frozen_.emplace(table, frozen);
}

// The biases of layers that have no patch; a patch trains its own.
void Lora::fill_biases(peftlab::InjectionPoints& points) {
  Targets every;
  every.regex = ".*";
  for (const auto* parameter : points.parameters(every)) {
    const auto& name = parameter->name();
    const auto module = name.substr(0, name.rfind('.'));
    if (!name.ends_with(".bias") || peftlab::is_named(module, filled_) || peftlab::is_named(module, saved_)) continue;
    points.fill_parameter(*parameter, std::make_shared<peftlab::ParameterPatch>(*parameter));
  }
}

std::optional<Fields> Lora::peft_config() const {
  auto config = peftlab::peft_fields("LORA");
  const bool whole = alpha_ == std::floor(alpha_);
  config.set("r", rank_);
  config.set("lora_alpha", whole ? Value(static_cast<int64_t>(alpha_)) : Value(alpha_));
  config.set("lora_dropout", dropout_);
  config.set("use_rslora", rslora_);
  config.set("lora_bias", lora_bias_);
  config.set("bias", bias_);
  config.set("init_lora_weights", start_ == Start::kGaussian ? Value("gaussian") : Value(start_ == Start::kKaiming));
  config.set("rank_pattern", ranks_.fields());
  config.set("alpha_pattern", alphas_.fields());
  config.set("target_parameters", parameters_.empty() ? Value(nullptr) : Value(parameters_));
  config.set("modules_to_save", saved_.empty() ? Value(nullptr) : Value(saved_));
  config.set("fan_in_fan_out", false);
  config.set("use_dora", false);
  peftlab::set_peft_targets(config, targets_, filled_);
  return config;
}

peftlab::Tensors Lora::to_peft(peftlab::Tensors named) const {
  for (const auto& [module, table] : frozen_) named.emplace("base_model.model." + module + ".base_layer.weight", table);
  return named;
}

peftlab::Tensors Lora::from_peft(peftlab::Tensors saved) const {
  for (const auto& [module, table] : frozen_) {
    const auto found = saved.find("base_model.model." + module + ".base_layer.weight");
    if (found == saved.end()) continue;
    const auto file = found->second.to(table.device());
    const bool equal = file.sizes() == table.sizes() && (torch::equal(file.to(table.scalar_type()), table) ||
                                                         torch::equal(table.to(file.scalar_type()), file));
    if (!equal) throw peftlab::ConfigError("tensor '" + found->first + "' is not the base model's: the adapter belongs to another base");
    saved.erase(found);
  }
  return saved;
}

std::optional<Fields> from_peft_config(const Fields& config) {
  const Value* type = config.find("peft_type");
  if (type == nullptr || !type->is_text() || type->text() != "LORA") return std::nullopt;
  return peftlab::options_from_peft_fields(
      config,
      {{"r", "rank"}, {"lora_alpha", "alpha"}, {"lora_dropout", "dropout"}, {"use_rslora", "rslora"}, {"lora_bias", "lora_bias"},
       {"bias", "bias"}, {"init_lora_weights", "init"}, {"rank_pattern", "rank_pattern"}, {"alpha_pattern", "alpha_pattern"},
       {"target_parameters", "target_parameters"}, {"modules_to_save", "modules_to_save"}},
      {"fan_in_fan_out", "megatron_core", "qalora_group_size"});
}

}  // namespace

PEFTLAB_METHOD(Lora, "lora", "low-rank update of weight matrices", "https://arxiv.org/abs/2106.09685", true, from_peft_config)
