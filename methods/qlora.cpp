// QLoRA: efficient finetuning of quantized LLMs (Dettmers et al., 2023, https://arxiv.org/abs/2305.14314).
//
//   y = dequant(W4) x + s B A x,   A: (rank, in),  B: (out, rank),  s = alpha / rank                       (equation 5)
//
// W4 is every matrix of the layers in four bits, also where nothing is added to it; head and table stay as they are.
// What is trained is LoRA's, in float32. B A starts at zero, so the patched model equals the quantised base before the
// first step.
#include "peftlab/parts/low_rank_updates.h"
#include "peftlab/quantized.h"

namespace {

using peftlab::Fields;
using peftlab::LowRankUpdates;
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
      : quantization_(read_quantization(options)), updates_(options, LowRankUpdates::More::kNothing) {
    if (updates_.decomposes())
      options.mistake("init", "takes a matrix apart that is kept quantised; expected true, \"gaussian\" or \"random\"");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    peftlab::Targets every;
    every.all_linear = true;
    for (const auto* base : points.weights(every))
      points.store(*base, peftlab::quantized(base->weight(), quantization_));
    const auto patch = [this](const auto& base, const auto& tensors, double scale) {
      return updates_.plain(base, tensors, scale);
    };
    updates_.fill(points, /*loads=*/loaded != nullptr, patch, LowRankUpdates::plain_table);
  }

  std::optional<Fields> peft_config() const override { return updates_.config(); }
  Tensors to_peft(Tensors named) const override { return updates_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return updates_.without(std::move(saved)); }

 private:
  peftlab::QuantizationOptions quantization_;
  LowRankUpdates updates_;
};

}  // namespace

// A configuration of PEFT does not say how its base is kept: what is written here is read as the plain low-rank update
// it is.
PEFTLAB_METHOD(Qlora, "qlora", "low-rank update of matrices kept in 4 bits", "https://arxiv.org/abs/2305.14314", true,
               nullptr)
