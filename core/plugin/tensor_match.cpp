#include "core/plugin/tensor_match.h"

#include <ATen/core/grad_mode.h>
#include <torch/types.h>

#include "core/io/json.h"

namespace peftlab::plugin {
namespace {

constexpr int kMostLines = 20;

std::string shape_text(const torch::Tensor& tensor) {
  std::string text = "[";
  for (const auto size : tensor.sizes()) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string fault(const torch::Tensor& source, const torch::Tensor& target, bool finite) {
  if (source.sizes() != target.sizes()) return "has the shape " + shape_text(source) + ", expected " + shape_text(target);
  if (source.is_floating_point() != target.is_floating_point()) {
    return std::string("has the type ") + torch::toString(source.scalar_type()) + ", expected " +
           torch::toString(target.scalar_type());
  }
  if (finite && source.is_floating_point() && !torch::isfinite(source).all().item<bool>()) {
    return "holds a value that is not finite; the training that wrote it had failed";
  }
  return "";
}

// The first lines of many: a wrong base model makes hundreds alike.
class Lines {
 public:
  explicit Lines(std::string where) : where_(std::move(where)) {}
  void add(const std::string& name, const std::string& message) {
    if (count_++ < kMostLines) mistakes_.add(where_, "", "tensor '" + name + "' " + message);
  }
  void throw_if_any() {
    if (count_ > kMostLines) mistakes_.add(where_, "", "and " + std::to_string(count_ - kMostLines) + " more tensors");
    mistakes_.throw_if_any();
  }

 private:
  std::string where_;
  io::Mistakes mistakes_;
  int count_ = 0;
};

}  // namespace

void copy_exactly(const Tensors& source, const Tensors& target, const std::string& where, bool finite) {
  Lines lines(where);
  for (const auto& [name, tensor] : target) {
    const auto found = source.find(name);
    if (found == source.end()) {
      lines.add(name, "is missing, expected the shape " + shape_text(tensor));
    } else if (const auto message = fault(found->second, tensor, finite); !message.empty()) {
      lines.add(name, message);
    }
  }
  for (const auto& [name, tensor] : source) {
    if (!target.contains(name)) lines.add(name, "of shape " + shape_text(tensor) + " is not expected: the method has no such tensor on this model");
  }
  lines.throw_if_any();
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : target) torch::Tensor(tensor).copy_(source.at(name));
}

}  // namespace peftlab::plugin
