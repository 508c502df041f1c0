// OFT: what enters a matrix is rotated, block by block, by trained orthogonal matrices (Qiu et al., 2023,
// https://arxiv.org/abs/2306.07280; on the input and with the series, Qiu et al., 2025,
// https://arxiv.org/abs/2506.19847).
//
//   y = W R' x + bias,  R block-diagonal,  R = (I - Q)(I + Q)^-1,  Q = U - U', U strictly upper triangular and trained
//   with cayley_neumann the series I + 2Q + 2Q^2 + ... of (I + Q)(I - Q)^-1, which turns the other way
//
// U starts at 0, so R = I and the patched model equals the base model before the first step. R - I is what is computed
// and applied: next to the ones of I, bfloat16 would lose it.

#include <cmath>

#include "peftlab/default_targets.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/peft_form.h"
#include "peftlab/rotation.h"
#include "peftlab/starts.h"

namespace {

using peftlab::Fields;
using peftlab::Targets;

struct Settings {
  bool series = true;        // instead of the inverse
  int64_t num_terms = 5;     // of the series
  bool constrained = false;  // COFT: Q is kept small
  double eps = 6e-5;         // its norm's bound, times the root of the number of blocks
  bool shared = false;       // one block for all
  double dropout = 0.0;      // probability that a block does not rotate
};

class Rotation final : public torch::nn::Module {
 public:
  explicit Rotation(torch::Tensor weight) : weight_(register_parameter("weight", std::move(weight))) {}
  const torch::Tensor& weight() const { return weight_; }

 private:
  torch::Tensor weight_;  // (blocks, b (b - 1) / 2): U row by row
};

class Rotated final : public peftlab::WeightPatch {
 public:
  Rotated(torch::Tensor weight, int64_t block, const Settings& settings, uint64_t salt)
      : r_(register_module("oft_R", std::make_shared<Rotation>(std::move(weight)))),
        block_(block),
        settings_(settings),
        salt_(salt) {}

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    auto change = turn();
    if (is_training() && settings_.dropout > 0.0 && change.size(0) > 1) {
      change = change *
               (peftlab::dropout(torch::ones({change.size(0), 1, 1}, change.options()), settings_.dropout, salt_) > 0);
    }
    return base(peftlab::rotate_blocks(x, change));
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto type = r_->weight().scalar_type();
    const auto bias = base.bias();
    return peftlab::Merged{peftlab::rotate_blocks(base.weight().to(type), turn().transpose(1, 2)),
                           bias.defined() ? bias.to(type) : bias};
  }

  // COFT's bound, kept by the weights themselves.
  void keep_bound() {
    const torch::NoGradGuard no_grad;
    if (settings_.constrained) torch::Tensor(r_->weight()).copy_(bounded());
  }

 private:
  // R - I: (blocks, b, b).
  torch::Tensor turn() const {
    const auto q = peftlab::skew_symmetric(bounded(), block_);
    return settings_.series ? peftlab::cayley_series(q, settings_.num_terms) : peftlab::cayley(q);
  }

  // The gradient does not see the scaling, as in PEFT.
  torch::Tensor bounded() const {
    const auto& w = r_->weight();
    if (!settings_.constrained) return w;
    const double most = settings_.eps / std::sqrt(static_cast<double>(w.size(0)));
    return w + peftlab::constant(peftlab::within_norm(w.detach(), most) - w);
  }

  std::shared_ptr<Rotation> r_;
  int64_t block_;  // b
  Settings settings_;
  uint64_t salt_;
};

class Oft final : public peftlab::Method {
 public:
  explicit Oft(peftlab::Options& options)
      : num_blocks_(options.integer("num_blocks", 0, "blocks of each matrix; 0: from block_size", {.least = 0})),
        block_size_(options.integer("block_size", num_blocks_ > 0 ? 0 : 32, "inputs of a block; 0: from num_blocks",
                                    {.least = 0})),
        is_given_(options.has("num_blocks") || options.has("block_size")),
        start_(peftlab::read_start(options, "true: zeros, \"random\": normal")) {
    settings_.series = options.flag("cayley_neumann", true, "a series instead of the inverse in R");
    settings_.num_terms = options.integer("neumann_terms", 5, "terms of the series", {.least = 2, .most = 64});
    settings_.constrained = options.flag("coft", false, "keep Q within eps / sqrt(blocks)");
    settings_.eps = options.number("eps", 6e-5, "bound of coft", {.least = 0.0, .above = true});
    settings_.shared = options.flag("block_share", false, "all blocks of a matrix rotate alike");
    settings_.dropout = options.number("module_dropout", 0.0, "probability that a block does not rotate",
                                       {.least = 0.0, .most = 1.0, .below = true});
    targets_ =
        options.targets("targets", Targets(), "which matrices are filled; none: those usual for the architecture");
    if ((num_blocks_ > 0) != (block_size_ > 0)) return;
    options.mistake("block_size", "expected exactly one of num_blocks and block_size above 0, got " +
                                      std::to_string(num_blocks_) + " and " + std::to_string(block_size_));
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    targets_ = peftlab::targets_or_known(targets_, peftlab::query_value_modules(), points.shape());
    const peftlab::Starts starts(points, loaded != nullptr);
    for (const auto* base : points.weights(targets_)) {
      const auto& name = base->name();
      const int64_t b = block_of(*base, /*exactly=*/is_given_ && loaded == nullptr);
      const std::vector<int64_t> sizes = {settings_.shared ? 1 : base->in() / b, b * (b - 1) / 2};
      auto weight = start_ == "true" ? starts.full(sizes, 0.0) : starts.normal(name + ".oft_R.weight", sizes, 0.1);
      patches_.push_back(std::make_shared<Rotated>(weight, b, settings_, peftlab::salt_of(name)));
      points.fill_weight(*base, patches_.back());
      filled_.push_back(name);
    }
  }

  void begin(const peftlab::TrainingPlan&) override { keep_bounds(); }
  void after_step(int64_t) override { keep_bounds(); }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("OFT");
    config.set("r", num_blocks_);
    config.set("oft_block_size", block_size_);
    config.set("use_cayley_neumann", settings_.series);
    config.set("num_cayley_neumann_terms", settings_.num_terms);
    config.set("coft", settings_.constrained);
    config.set("eps", settings_.eps);
    config.set("block_share", settings_.shared);
    config.set("module_dropout", settings_.dropout);
    config.set("init_weights", peftlab::start_value(start_));
    config.set("bias", "none");
    config.set("fan_in_fan_out", false);
    config.set("modules_to_save", nullptr);
    peftlab::set_peft_targets(config, targets_, filled_);
    return config;
  }

 private:
  // Inputs of a block. Another size than the one asked for is taken for an adapter that PEFT made so, and for the
  // default.
  int64_t block_of(const peftlab::FrozenLinear& base, bool exactly) const {
    const int64_t wanted = num_blocks_ > 0 ? num_blocks_ : block_size_;
    const int64_t nearest = peftlab::nearest_divisor(base.in(), wanted);
    if (exactly && nearest != wanted) {
      throw peftlab::ConfigError(std::string(num_blocks_ > 0 ? "num_blocks" : "block_size") + ": " +
                                 std::to_string(wanted) + " does not divide the " + std::to_string(base.in()) +
                                 " inputs of " + base.name() + "; the nearest that does is " + std::to_string(nearest));
    }
    const int64_t size = num_blocks_ > 0 ? base.in() / nearest : nearest;
    if (size < 2)
      throw peftlab::ConfigError("num_blocks: blocks of one input cannot rotate, got " + std::to_string(wanted) +
                                 " for " + base.name());
    return size;
  }
  void keep_bounds() {
    for (const auto& patch : patches_) patch->keep_bound();
  }

  int64_t num_blocks_;
  int64_t block_size_;
  bool is_given_;
  std::string start_;
  Settings settings_;
  Targets targets_;
  std::vector<std::shared_ptr<Rotated>> patches_;
  std::vector<std::string> filled_;  // module names
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_of_peft_type("OFT", config,
                                       {{"r", "num_blocks"},
                                        {"oft_block_size", "block_size"},
                                        {"use_cayley_neumann", "cayley_neumann"},
                                        {"num_cayley_neumann_terms", "neumann_terms"},
                                        {"coft", "coft"},
                                        {"eps", "eps"},
                                        {"block_share", "block_share"},
                                        {"module_dropout", "module_dropout"},
                                        {"init_weights", "init"}},
                                       {"fan_in_fan_out"}, {{"bias", "none"}});
}

}  // namespace

PEFTLAB_METHOD(Oft, "oft", "block-wise rotations of the input", "https://arxiv.org/abs/2306.07280", true,
               from_peft_config)
