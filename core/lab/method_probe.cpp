#include "core/lab/method_probe.h"

#include <set>

#include "core/lab/method_set.h"

namespace peftlab::lab {
namespace {

constexpr int64_t kWidth = 64;  // of everything: one shape does for all matrices

constexpr const char* kConfig = R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
  "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 64, "max_position_embeddings": 64, "rms_norm_eps": 1e-6})";

/// A model of zeros.
class TinySource final : public model::WeightSource {
 public:
  TinySource() : spec_(model::spec_from_hugging_face(io::parse_json(kConfig, "the model that methods are tried on"))) {}
  const model::DecoderSpec& spec() const override { return spec_; }
  bool has(const std::string&) const override { return true; }
  torch::Tensor read(const std::string& name, torch::ScalarType type) const override {
    return name.find("norm") != std::string::npos ? torch::zeros({kWidth}, type) : torch::zeros({kWidth, kWidth}, type);
  }
  std::vector<std::string> names() const override { return {}; }
  std::string stored_type() const override { return "F32"; }
  std::string hash() const override { return ""; }
  const std::filesystem::path& path() const override { return path_; }

 private:
  model::DecoderSpec spec_;
  std::filesystem::path path_;
};

std::vector<int64_t> any_ids(const std::string&) { return {1, 2, 3}; }

std::set<plugin::PointKind> filled_kinds(const plugin::MethodLibrary& library) {
  const auto document = io::parse_json("{}", "default options");
  io::Mistakes mistakes;
  auto created = plugin::create_method(library, document, "", mistakes);
  mistakes.throw_if_any();
  model::Decoder decoder(TinySource(), torch::kFloat32, torch::kCPU);
  plugin::DecoderPoints points(decoder, /*seed=*/0, any_ids);
  const plugin::AttachedMethod attached(std::move(created), points);
  std::set<plugin::PointKind> kinds;
  for (const auto& point : attached.filled()) kinds.insert(point.kind);
  return kinds;
}

}  // namespace

std::vector<std::string> filled_by_default(const plugin::MethodLibrary& library) {
  static const std::pair<plugin::PointKind, const char*> names[] = {{plugin::PointKind::kWeight, "matrices"},
                                                                    {plugin::PointKind::kParameter, "parameters"},
                                                                    {plugin::PointKind::kTable, "table"},
                                                                    {plugin::PointKind::kVirtualTokens, "virtual tokens"},
                                                                    {plugin::PointKind::kPrefix, "prefix"}};
  std::vector<std::string> filled;
  try {
    const auto kinds = filled_kinds(library);
    for (const auto& [kind, name] : names) {
      if (kinds.contains(kind)) filled.push_back(name);
    }
  } catch (const std::exception&) {
    // A method may need an option, or a model with more in it: then it is not known what it fills.
  }
  return filled;
}

}  // namespace peftlab::lab
