#include "peftlab/parts/low_rank_start.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <regex>

#include "core/plugin/json_value.h"
#include "peftlab/error.h"
#include "peftlab/parts/starts.h"

namespace peftlab {
namespace {

constexpr const char* kAbout =
    "true: A uniform, B zero; \"gaussian\": A normal, B zero; \"pissa\", \"pissa_niter_N\", \"olora\": from a "
    "decomposition of the "
    "weight; \"random\": both uniform";

struct Triplets {
  torch::Tensor u;   // (out, rank)
  torch::Tensor s;   // (rank)
  torch::Tensor vh;  // (rank, in)
};

torch::Tensor basis(const torch::Tensor& x) { return std::get<0>(at::linalg_qr(x)); }

Triplets largest(const torch::Tensor& u, const torch::Tensor& s, const torch::Tensor& vh, int64_t rank) {
  return {u.narrow(1, 0, rank), s.narrow(0, 0, rank), vh.narrow(0, 0, rank)};
}

Triplets decomposed(const torch::Tensor& w, int64_t rank) {
  const auto [u, s, vh] = at::linalg_svd(w, /*full_matrices=*/false);
  return largest(u, s, vh, rank);
}

// Halko et al., 2009, https://arxiv.org/abs/0909.4061, algorithms 4.4 and 5.1, as torch.svd_lowrank has them.
Triplets approximated(const torch::Tensor& w, int64_t rank, int64_t num_iterations, at::Generator generator) {
  auto q = basis(w.matmul(torch::empty({w.size(1), rank}).normal_(0.0, 1.0, std::move(generator)).to(w.options())));
  for (int64_t i = 0; i < num_iterations; ++i) q = basis(w.matmul(basis(w.t().matmul(q))));
  const auto [u, s, vh] = at::linalg_svd(q.t().matmul(w), /*full_matrices=*/false);
  return largest(q.matmul(u), s, vh, rank);
}

// N of "pissa_niter_N", or -1.
int64_t iterations_of(const std::string& text) {
  static const std::regex pattern("pissa_niter_([0-9]{1,4})");
  std::smatch match;
  return std::regex_match(text, match, pattern) ? std::stoll(match[1]) : -1;
}

}  // namespace

LowRankStart::LowRankStart(Options& options) {
  const auto value = options.any("init", kAbout);
  const auto* flag = std::get_if<bool>(&value.data());
  if (value.is_null() || (flag && *flag)) return;
  const std::string text = value.is_text() ? value.text() : "";
  num_iterations_ = iterations_of(text);
  if (flag || text == "random")
    kind_ = Kind::kRandom;
  else if (text == "gaussian")
    kind_ = Kind::kGaussian;
  else if (text == "pissa" || num_iterations_ >= 0)
    kind_ = Kind::kPissa;
  else if (text == "olora")
    kind_ = Kind::kOlora;
  else
    options.mistake("init", "expected true, \"gaussian\", \"pissa\", \"pissa_niter_N\", \"olora\" or \"random\", got " +
                                io::shown(plugin::to_json(value)));
}

LowRankTensors LowRankStart::tensors(const InjectionPoints& points, const FrozenLinear& base, int64_t rank,
                                     double scale, bool bias, bool loaded, bool turned) const {
  const Starts starts(points, loaded);
  const auto name = [&](const char* tensor) { return base.name() + tensor; };
  const int64_t in = turned ? base.out() : base.in(), out = turned ? base.in() : base.out();
  LowRankTensors made;
  made.turned = turned;
  if (loaded && num_iterations_ >= 0) {
    throw ConfigError("field 'init_lora_weights' of the adapter is \"" + peft_value().text() +
                      "\", a start that drew random numbers which are not in the adapter; convert it in PEFT" +
                      " (save_pretrained with path_initial_model_for_weight_conversion)");
  }
  if (decomposes()) {
    decompose(points, base, rank, scale, made);
    made.a = loaded ? torch::zeros_like(made.start_a) : made.start_a.clone();
    made.b = loaded ? torch::zeros_like(made.start_b) : made.start_b.clone();
  } else {
    made.a = kind_ == Kind::kGaussian
                 ? starts.normal(name(".lora_A.weight"), {rank, in}, 1.0 / static_cast<double>(rank))
                 : starts.kaiming(name(".lora_A.weight"), {rank, in});
    made.b =
        kind_ == Kind::kRandom ? starts.kaiming(name(".lora_B.weight"), {out, rank}) : starts.full({out, rank}, 0.0);
  }
  if (!bias) return made;
  made.b_bias = starts.full({base.out()}, 0.0);
  const double bound = 1.0 / std::sqrt(static_cast<double>(rank));
  if (kind_ == Kind::kRandom && !loaded) made.b_bias.uniform_(-bound, bound, points.generator(name(".lora_B.bias")));
  return made;
}

void LowRankStart::decompose(const InjectionPoints& points, const FrozenLinear& base, int64_t rank, double scale,
                             LowRankTensors& tensors) const {
  const torch::NoGradGuard no_grad;
  const auto weight = base.weight().to(points.trainable_type());
  const auto w = tensors.turned ? weight.t() : weight;
  if (rank > std::min(w.size(0), w.size(1))) {
    throw ConfigError("rank: " + std::to_string(rank) + " is above the " +
                      std::to_string(std::min(w.size(0), w.size(1))) + " that '" + base.name() +
                      "' can be decomposed into");
  }
  if (kind_ == Kind::kOlora) {
    const auto [q, r] = at::linalg_qr(w);
    tensors.start_a = r.narrow(0, 0, rank).contiguous();
    tensors.start_b = q.narrow(1, 0, rank).contiguous();
    return;
  }
  const auto found = num_iterations_ < 0
                         ? decomposed(w, rank)
                         : approximated(w, rank, num_iterations_, points.generator(base.name() + ".pissa"));
  const auto root = (found.s / scale).sqrt();  // (rank)
  tensors.start_a = (root.unsqueeze(1) * found.vh).contiguous();
  tensors.start_b = (found.u * root).contiguous();
}

std::pair<torch::Tensor, torch::Tensor> LowRankStart::table(const InjectionPoints& points, const std::string& module,
                                                            int64_t rank, bool loaded) const {
  if (decomposes()) {
    throw ConfigError("init: '" + module +
                      "' is a table, which is not started from a decomposition; expected true for it, or leave it out");
  }
  const Starts starts(points, loaded);
  const auto frozen = points.embedding_table();
  auto a = kind_ == Kind::kRandom ? starts.normal(module + ".lora_embedding_A", {rank, frozen.size(0)}, 1.0)
                                  : starts.full({rank, frozen.size(0)}, 0.0);
  return {a, starts.normal(module + ".lora_embedding_B", {frozen.size(1), rank}, 1.0)};
}

Value LowRankStart::peft_value() const {
  switch (kind_) {
    case Kind::kGaussian:
      return "gaussian";
    case Kind::kPissa:
      return num_iterations_ < 0 ? "pissa" : "pissa_niter_" + std::to_string(num_iterations_);
    case Kind::kOlora:
      return "olora";
    default:
      return kind_ == Kind::kUniform;
  }
}

}  // namespace peftlab
