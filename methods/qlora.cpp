// QLoRA: efficient finetuning of quantized LLMs (Dettmers et al., 2023, https://arxiv.org/abs/2305.14314).
//
//   y = dequant(W4) x + s B A x,   A: (rank, in),  B: (out, rank),  s = alpha / rank                       (equation 5)
//
// W4 is every matrix of the layers in four bits, also where nothing is added to it; head and table stay as they are.
// What is trained is LoRA's, in float32. B A starts at zero, so the patched model equals the quantised base before the
// first step.
#include "peftlab/also_trained.h"
#include "peftlab/low_rank.h"
#include "peftlab/low_rank_options.h"
#include "peftlab/low_rank_start.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/peft.h"
#include "peftlab/quantized.h"

namespace {

using peftlab::Fields;
using peftlab::Tensors;

peftlab::QuantizationOptions read_quantization(peftlab::Options& options) {
  peftlab::QuantizationOptions read;
  read.type = options.choice("quant_type", "nf4", {"nf4", "fp4"},
                             "the codes: quantiles of the normal distribution, or a float of 4 bits");
  read.double_quantization = options.flag("double_quantization", true, "keep the scales of blocks in 8 bits too");
  read.block_size =
      options.integer("block_size", 64, "values that share a scale: a power of two", {.least = 32, .most = 4096});
  if ((read.block_size & (read.block_size - 1)) != 0) options.mistake("block_size", "expected a power of two");
  const auto type = options.choice("compute_type", "auto", {"auto", "bf16", "f32"},
                                   "of products with the decoded matrices; auto: the model's");
  if (type != "auto") read.compute_type = type == "bf16" ? torch::kBFloat16 : torch::kFloat32;
  return read;
}

class Qlora final : public peftlab::Method {
 public:
  explicit Qlora(peftlab::Options& options)
      : quantization_(read_quantization(options)),
        size_(options),
        dropout_(options.number("dropout", 0.0, "probability of dropping an input of A",
                                {.least = 0.0, .most = 1.0, .below = true})),
        start_(options),
        targets_(options, /*with_parameters=*/false),
        also_(options) {
    if (start_.decomposes())
      options.mistake("init", "takes a matrix apart that is kept quantised; expected true, \"gaussian\" or \"random\"");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    peftlab::Targets every;
    every.all_linear = true;
    for (const auto* base : points.weights(every))
      points.store(*base, peftlab::quantized(base->weight(), quantization_));
    for (const auto* base : targets_.matrices(points, also_.modules())) fill(points, *base, loaded != nullptr);
    if (targets_.names_table(points)) fill_table(points, loaded != nullptr);
    also_.fill(points, filled_);
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("LORA");
    size_.write(config);
    config.set("lora_dropout", dropout_);
    config.set("init_lora_weights", start_.peft_value());
    config.set("fan_in_fan_out", turned_);
    config.set("use_dora", false);
    also_.write(config);
    targets_.write(config, filled_);
    return config;
  }

  Tensors to_peft(Tensors named) const override { return bases_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return bases_.without(std::move(saved)); }

 private:
  void fill(peftlab::InjectionPoints& points, const peftlab::FrozenLinear& base, bool reads) {
    const auto [rank, scale] = size_.of(base.name());
    if (!reads) peftlab::check_rank(base, rank);
    auto tensors = start_.tensors(points, base, rank, scale, /*bias=*/false, reads);
    tensors.base_bias = also_.bias_for(points, base);
    points.fill_weight(
        base, std::make_shared<peftlab::LowRankPatch>(tensors, scale, dropout_, peftlab::salt_of(base.name())));
    filled_.push_back(base.name());
    turned_ = turned_ || base.fan_in_fan_out();
    if (base.layer() < 0) bases_.add(base.name(), base.weight());
  }

  void fill_table(peftlab::InjectionPoints& points, bool reads) {
    const auto module = peftlab::table_module(points);
    const auto [rank, scale] = size_.of(module);
    const auto [a, b] = start_.table(points, module, rank, reads);  // (rank, V), (C, rank)
    points.fill_table(std::make_shared<peftlab::LowRankTable>(a, b, scale));
    filled_.push_back(module);
    bases_.add(module, peftlab::kept_table(points));
  }

  peftlab::QuantizationOptions quantization_;
  peftlab::LowRankSize size_;
  double dropout_;
  peftlab::LowRankStart start_;
  peftlab::LowRankTargets targets_;
  peftlab::AlsoTrained also_;
  std::vector<std::string> filled_;  // module names
  bool turned_ = false;  // whether matrices are kept as (in, out): PEFT's fan_in_fan_out
  peftlab::SavedBases bases_;
};

}  // namespace

// A configuration of PEFT does not say how its base is kept: what is written here is read as the plain low-rank update
// it is.
PEFTLAB_METHOD(Qlora, "qlora", "low-rank update of matrices kept in 4 bits", "https://arxiv.org/abs/2305.14314", true,
               nullptr)
