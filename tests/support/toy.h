// A tiny model with a method on it, for tests of training and evaluation.
#pragma once

#include <memory>
#include <string>

#include "core/lab/method_set.h"
#include "tests/support/golden.h"

namespace peftlab::test {

/// A golden model in the given type with freshly made methods.
struct Toy {
  std::unique_ptr<model::Decoder> decoder;
  lab::MethodSet set;

  explicit Toy(const std::string& options, torch::ScalarType type = torch::kFloat32, uint64_t seed = 0,
               const std::string& model = "models/llama") {
    decoder = std::make_unique<model::Decoder>(*model::open_weights(golden(model)), type, torch::kCPU);
    const auto document = io::parse_json(R"({"method":)" + options + "}", "test.json");
    io::Mistakes mistakes;
    std::vector<plugin::CreatedMethod> created;
    const std::string name = document.value.at("method").at("name");
    created.push_back(plugin::create_method(plugin::find_method(name), document, "/method", mistakes));
    mistakes.throw_if_any();
    set = lab::attach_methods(*decoder, std::move(created), seed, nullptr);
  }

  plugin::AttachedMethod& method() { return *set.methods.front(); }

  /// Every trained tensor moved off its start by seeded noise, so that nothing is zero.
  void perturb(double size = 0.05) {
    torch::NoGradGuard no_grad;
    torch::manual_seed(7);
    for (const auto& t : method().trainable()) t.tensor.add_(torch::randn_like(t.tensor) * size);
  }
};

inline constexpr char kLora[] = R"({"name": "lora", "rank": 4, "alpha": 8, "targets": "all-linear"})";

/// Sequences with a common beginning of `shared` tokens and endings of different lengths; the endings are trained on.
inline std::vector<model::Sequence> sharing_sequences(int64_t count, int64_t shared) {
  std::vector<model::Sequence> all;
  for (int64_t i = 0; i < count; ++i) {
    model::Sequence s;
    for (int64_t k = 0; k < shared; ++k) s.ids.push_back(3 + (k * 7) % 100);
    for (int64_t k = 0; k < 3 + 2 * i; ++k) s.ids.push_back(5 + (i * 31 + k * 11) % 100);
    s.labels.assign(s.ids.size(), model::kNoLabel);
    for (size_t k = static_cast<size_t>(shared); k < s.ids.size(); ++k) s.labels[k] = s.ids[k];
    all.push_back(s);
  }
  return all;
}

}  // namespace peftlab::test
