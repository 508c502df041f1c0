// Small networks that make the tensors of a prompt, under the names PEFT's have.
#pragma once

#include <ATen/core/Generator.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace peftlab {

/// The generator for the tensor of a name.
using Generators = std::function<at::Generator(const std::string& name)>;

/// One trained row for each of n tokens, drawn from N(0, 1) as torch.nn.Embedding does: the parameter `weight`.
class Embedding final : public torch::nn::Module {
 public:
  Embedding(int64_t n, int64_t width, torch::ScalarType type, const std::string& name, const Generators& generators);
  const torch::Tensor& weight() const { return weight_; }

 private:
  torch::Tensor weight_;  // (n, width)
};

/// Linear layers with an activation between them, whose modules are named as in a Sequential that counts activations:
/// "0", "2" ... They start as torch.nn.Linear does, uniform within 1 / sqrt(in).
class FeedForward final : public torch::nn::Module {
 public:
  enum class Activation { relu, tanh };
  /// `widths`: of the input, of each layer's output; at least two layers. `name` is what the generators are asked for.
  FeedForward(const std::vector<int64_t>& widths, Activation activation, torch::ScalarType type,
              const std::string& name, const Generators& generators);

  torch::Tensor forward(const torch::Tensor& x) const;  // (n, widths.front()) -> (n, widths.back())
  /// Sets the last layer so that forward(x) is `target`: its bias to the mean of the rows, its weight to the smallest
  /// one that fits the rest in the sense of least squares (exactly, where the n rows before the last layer are
  /// independent).
  void start_at(const torch::Tensor& x, const torch::Tensor& target);

 private:
  struct Layer;
  torch::Tensor hidden(const torch::Tensor& x) const;  // what the last layer reads: (n, widths[size - 2])
  Activation activation_;
  std::vector<std::shared_ptr<Layer>> layers_;
};

/// A bidirectional LSTM of several layers, its tensors named and started as torch.nn.LSTM's: uniform within 1 /
/// sqrt(hidden). Dropout stands between the layers.
class BidirectionalLstm final : public torch::nn::Module {
 public:
  BidirectionalLstm(int64_t in, int64_t hidden, int64_t num_layers, double dropout, torch::ScalarType type,
                    const std::string& name, const Generators& generators);

  /// (n, in) -> (n, 2 hidden); with `drops` there is dropout between the layers.
  torch::Tensor forward(const torch::Tensor& x, bool drops) const;

 private:
  int64_t hidden_;
  double dropout_;
  uint64_t salt_;
  std::vector<std::vector<torch::Tensor>>
      layers_;  // (4 hidden, in), (4 hidden, hidden), (4 hidden), (4 hidden); then reversed
};

}  // namespace peftlab
