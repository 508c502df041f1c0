#include "peftlab/parts/encoder.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "peftlab/ops.h"

namespace peftlab {

Embedding::Embedding(int64_t n, int64_t width, torch::ScalarType type, const std::string& name,
                     const Generators& generators)
    : weight_(register_parameter("weight", torch::randn({n, width}, generators(name + ".weight")).to(type))) {}

struct FeedForward::Layer : torch::nn::Module {
  Layer(int64_t in, int64_t out, torch::ScalarType type, const std::string& name, const Generators& generators) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    const auto drawn = [&](at::IntArrayRef sizes, const char* tensor) {
      return torch::empty(sizes).uniform_(-bound, bound, generators(name + tensor)).to(type);
    };
    weight = register_parameter("weight", drawn({out, in}, ".weight"));
    bias = register_parameter("bias", drawn({out}, ".bias"));
  }
  torch::Tensor weight;  // (out, in)
  torch::Tensor bias;    // (out)
};

FeedForward::FeedForward(const std::vector<int64_t>& widths, Activation activation, torch::ScalarType type,
                         const std::string& name, const Generators& generators)
    : activation_(activation) {
  TORCH_CHECK(widths.size() >= 3, "FeedForward: ", widths.size(), " widths, expected those of at least two layers");
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const auto place = std::to_string(2 * i);
    auto layer = std::make_shared<Layer>(widths[i], widths[i + 1], type, name + "." + place, generators);
    layers_.push_back(register_module(place, std::move(layer)));
  }
}

torch::Tensor FeedForward::hidden(const torch::Tensor& x) const {
  auto h = x;
  for (size_t i = 0; i + 1 < layers_.size(); ++i) {
    h = at::linear(h, layers_[i]->weight, layers_[i]->bias);
    h = activation_ == Activation::relu ? h.relu() : h.tanh();
  }
  return h;
}

torch::Tensor FeedForward::forward(const torch::Tensor& x) const {
  return at::linear(hidden(x), layers_.back()->weight, layers_.back()->bias);
}

void FeedForward::start_at(const torch::Tensor& x, const torch::Tensor& target) {
  const torch::NoGradGuard no_grad;
  // Directions a thousand times weaker than the strongest would need weights that a first step of training throws far
  // off.
  constexpr double kWeakest = 1e-3;
  const auto h = hidden(x).to(torch::kFloat64);
  const auto wanted = target.to(torch::kFloat64);
  const auto mean = wanted.mean(0);
  const auto fit = at::linalg_pinv(h, kWeakest).matmul(wanted - mean);  // (in, out)
  layers_.back()->weight.copy_(fit.t());
  layers_.back()->bias.copy_(mean);
}

BidirectionalLstm::BidirectionalLstm(int64_t in, int64_t hidden, int64_t num_layers, double dropout,
                                     torch::ScalarType type, const std::string& name, const Generators& generators)
    : hidden_(hidden), dropout_(dropout), salt_(salt_of(name)) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(hidden));
  for (int64_t layer = 0; layer < num_layers; ++layer, in = 2 * hidden) {
    auto& tensors = layers_.emplace_back();
    for (const char* direction : {"", "_reverse"}) {
      const auto add = [&](const char* kind, at::IntArrayRef sizes) {
        const auto tensor = kind + std::to_string(layer) + direction;
        const auto drawn = torch::empty(sizes).uniform_(-bound, bound, generators(name + "." + tensor)).to(type);
        tensors.push_back(register_parameter(tensor, drawn));
      };
      add("weight_ih_l", {4 * hidden, in});
      add("weight_hh_l", {4 * hidden, hidden});
      add("bias_ih_l", {4 * hidden});
      add("bias_hh_l", {4 * hidden});
    }
  }
}

torch::Tensor BidirectionalLstm::forward(const torch::Tensor& x, bool drops) const {
  auto h = x.unsqueeze(0);
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    // Not the LSTM's own dropout: that draws from the global generator, and a resumed run could not draw the same.
    if (layer > 0 && drops && dropout_ > 0.0) h = peftlab::dropout(h, dropout_, salt_ + layer);
    const auto zero = torch::zeros({2, 1, hidden_}, h.options());  // of both directions
    h = std::get<0>(at::lstm(h, {zero, zero}, layers_[layer], /*has_biases=*/true, /*num_layers=*/1, /*dropout=*/0.0,
                             /*train=*/true, /*bidirectional=*/true, /*batch_first=*/true));
  }
  return h.squeeze(0);
}

}  // namespace peftlab
