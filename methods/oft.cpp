// OFT: what enters a matrix is rotated, block by block, by trained orthogonal matrices (Qiu et al., 2023,
// https://arxiv.org/abs/2306.07280; on the input and with the series, Qiu et al., 2025,
// https://arxiv.org/abs/2506.19847).
//
//   y = W R' x + bias,  R block-diagonal,  R = (I - Q)(I + Q)^-1,  Q = U - U', U strictly upper triangular and trained
//   with cayley_neumann the series I + 2Q + 2Q^2 + ... of (I + Q)(I - Q)^-1, which turns the other way
//
// U starts at 0, so R = I and the patched model equals the base model before the first step. R - I is what is computed
// and applied: next to the ones of I, bfloat16 would lose it.

#include "peftlab/parts/block_size.h"
#include "peftlab/parts/matrix_targets.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/parts/rotation.h"
#include "peftlab/parts/starts.h"

namespace {

using peftlab::BlockRotation;
using peftlab::Fields;
using peftlab::Tensors;

struct Settings {
  peftlab::RotationForm form;
  bool shared = false;   // one block for all
  double dropout = 0.0;  // probability that a block does not rotate
};

Settings read(peftlab::Options& options) {
  Settings read;
  read.form.series = options.flag("cayley_neumann", true, "a series instead of the inverse in R");
  read.form.num_terms = options.integer("neumann_terms", 5, "terms of the series", {.least = 2, .most = 64});
  read.form.constrained = options.flag("coft", false, "keep Q within eps / sqrt(blocks)");
  read.form.eps = options.number("eps", 6e-5, "bound of coft", {.least = 0.0, .above = true});
  read.shared = options.flag("block_share", false, "all blocks of a matrix rotate alike");
  read.dropout = options.number("module_dropout", 0.0, "probability that a block does not rotate",
                                {.least = 0.0, .most = 1.0, .below = true});
  return read;
}

class Rotated final : public peftlab::WeightPatch {
 public:
  Rotated(torch::Tensor weight, int64_t block, const Settings& settings, uint64_t salt)
      : r_(register_module("oft_R", std::make_shared<BlockRotation>(std::move(weight), block, settings.form))),
        dropout_(settings.dropout),
        salt_(salt) {}

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    auto change = r_->change();  // (blocks, b, b)
    if (is_training() && dropout_ > 0.0 && change.size(0) > 1) {
      const auto each = torch::ones({change.size(0), 1, 1}, change.options());
      change = change * (peftlab::dropout(each, dropout_, salt_) > 0);
    }
    return base(peftlab::rotate_blocks(x, change));
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto change = r_->change();
    const auto type = change.scalar_type();
    const auto bias = base.bias();
    return peftlab::Merged{peftlab::rotate_blocks(base.weight().to(type), change.transpose(1, 2)),
                           bias.defined() ? bias.to(type) : bias};
  }

  // COFT's bound, kept by the weights themselves.
  void keep_bound() { r_->keep_bound(); }

 private:
  std::shared_ptr<BlockRotation> r_;
  double dropout_;
  uint64_t salt_;
};

class Oft final : public peftlab::Method {
 public:
  explicit Oft(peftlab::Options& options)
      : block_size_(options),
        start_(peftlab::read_start(options, "true: zeros, \"random\": normal")),
        settings_(read(options)),
        targets_(options) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const peftlab::Starts starts(points, loaded != nullptr);
    const auto matrices = targets_.matrices(points);
    targets_.check(matrices, [&](const auto& base) { block_size_.of(base, /*loads=*/loaded != nullptr); });
    for (const auto* base : matrices) {
      const auto& name = base->name();
      const int64_t b = block_size_.of(*base, /*loads=*/loaded != nullptr);
      const std::vector<int64_t> sizes = {settings_.shared ? 1 : base->in() / b, b * (b - 1) / 2};
      auto weight = start_ == "true" ? starts.full(sizes, 0.0) : starts.normal(name + ".oft_R.weight", sizes, 0.1);
      patches_.push_back(std::make_shared<Rotated>(weight, b, settings_, peftlab::salt_of(name)));
      points.fill_weight(*base, patches_.back());
    }
  }

  void begin(const peftlab::TrainingPlan&) override { keep_bounds(); }
  void after_step(int64_t) override { keep_bounds(); }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("OFT");
    block_size_.write(config);
    config.set("use_cayley_neumann", settings_.form.series);
    config.set("num_cayley_neumann_terms", settings_.form.num_terms);
    config.set("coft", settings_.form.constrained);
    config.set("eps", settings_.form.eps);
    config.set("block_share", settings_.shared);
    config.set("module_dropout", settings_.dropout);
    config.set("init_weights", peftlab::start_value(start_));
    config.set("bias", "none");
    config.set("fan_in_fan_out", false);
    targets_.write(config);
    return config;
  }

  Tensors to_peft(Tensors named) const override { return targets_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return targets_.without(std::move(saved)); }

 private:
  void keep_bounds() {
    for (const auto& patch : patches_) patch->keep_bound();
  }

  peftlab::BlockSize block_size_;
  std::string start_;
  Settings settings_;
  peftlab::MatrixTargets targets_;
  std::vector<std::shared_ptr<Rotated>> patches_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  auto names = peftlab::BlockSize::fields();
  names.insert(names.end(), {{"use_cayley_neumann", "cayley_neumann"},
                             {"num_cayley_neumann_terms", "neumann_terms"},
                             {"coft", "coft"},
                             {"eps", "eps"},
                             {"block_share", "block_share"},
                             {"module_dropout", "module_dropout"},
                             {"init_weights", "init"}});
  return peftlab::options_of_peft_type("OFT", config, names, {"fan_in_fan_out"}, {{"bias", "none"}});
}

}  // namespace

PEFTLAB_METHOD(Oft, "oft", "block-wise rotations of the input", "https://arxiv.org/abs/2306.07280", true,
               from_peft_config)
