// write_gguf_adapter of core/lab/gguf_adapter.h.
#include <algorithm>
#include <map>

#include "core/io/gguf.h"
#include "core/lab/gguf_adapter.h"
#include "core/lab/gguf_adapter_keys.h"
#include "core/lab/refusals.h"
#include "core/model/sources/gguf_names.h"
#include "peftlab/low_rank.h"
#include "peftlab/parts/triplets.h"

namespace peftlab::lab {
namespace {

using plugin::FilledPoint;
using plugin::PointKind;

struct UpdatedPoint {
  std::string module;
  LowRankFactors factors;
  bool is_table = false;

  /// What alpha must be for it.
  float alpha() const { return static_cast<float>(factors.scale * static_cast<double>(factors.up.size(1))); }
};

class UpdatedPoints {
 public:
  UpdatedPoints(const model::Decoder& decoder, const model::GgufNames& names) : decoder_(decoder), names_(names) {}

  void add(const std::string& method, const FilledPoint& point) {
    switch (point.kind) {
      case PointKind::kVirtualTokens:
        return refusals_.add(method, "puts virtual tokens before every text", "");
      case PointKind::kPrefix:
        return refusals_.add(method, "gives every layer keys and values of its own", "");
      case PointKind::kParameter:
        return refusals_.add(method, "trains tensors of the model themselves:", point.name);
      case PointKind::kTable:
        return add_table(method, point);
      case PointKind::kWeight:
        return add_matrix(method, point);
    }
  }

  const std::vector<UpdatedPoint>& all() const { return all_; }
  void throw_if_any() const { refusals_.throw_if_any(); }

 private:
  void add_matrix(const std::string& method, const FilledPoint& point) {
    const auto* pruned = dynamic_cast<const TripletPatch*>(point.patch.get());
    if (pruned != nullptr && pruned->rank() == 0) return;
    const auto factors = std::dynamic_pointer_cast<WeightPatch>(point.patch)->factors();
    if (!factors)
      refusals_.add(method, "is more than a low-rank update (a magnitude, a bias, or no product of two matrices) of",
                    point.name);
    else if (!names_.file_module(point.name))
      refusals_.add(method, "fills a matrix that such files do not name:", point.name);
    else
      all_.push_back({point.name, *factors});
  }

  void add_table(const std::string& method, const FilledPoint& point) {
    const auto* table = dynamic_cast<const LowRankTable*>(point.patch.get());
    const auto factors = table == nullptr ? std::nullopt : table->factors();
    if (!factors)
      refusals_.add(method, "is more than a low-rank update of the embedding table", point.name);
    else if (decoder_.spec().shape.tied_head)
      refusals_.add(method, "changes the embedding table and not the head, which llama.cpp takes for one tensor here:",
                    point.name);
    else
      all_.push_back({point.name, *factors, /*is_table=*/true});
  }

  const model::Decoder& decoder_;
  const model::GgufNames& names_;
  std::vector<UpdatedPoint> all_;
  Refusals refusals_{"cannot be written as a GGUF adapter", "merge it into the model instead, where that is possible"};
};

/// The alpha of most updates: of two equally frequent ones the smaller. 0 would mean a scale of one, so it is not
/// chosen.
float common_alpha(const std::vector<UpdatedPoint>& updates) {
  std::map<float, int64_t> counts;
  for (const auto& update : updates) ++counts[update.alpha()];
  counts.erase(0.0F);
  const auto most = std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
  return most == counts.end() ? 1.0F : most->first;
}

torch::Tensor in_file(const torch::Tensor& tensor) {
  return tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
}

io::GgufTensor view_of(const std::string& name, const torch::Tensor& tensor) {
  return {name, io::GgmlType::kF32, tensor.sizes().vec(), static_cast<const std::byte*>(tensor.const_data_ptr()),
          tensor.nbytes()};
}

io::GgufMetadata metadata_of(const WrittenGgufAdapter& written, const std::string& base_model) {
  io::GgufMetadata metadata = {{"general.architecture", written.architecture},
                               {"general.type", std::string("adapter")},
                               {kAdapterTypeKey, std::string(kLowRankType)},
                               {kAlphaKey, static_cast<float>(written.alpha)},
                               {"general.file_type", uint32_t{0}}};  // all tensors in float32
  if (base_model.empty()) return metadata;
  metadata.emplace_back("general.base_model.count", uint32_t{1});
  metadata.emplace_back(kBaseNameKey, base_model);
  return metadata;
}

}  // namespace

WrittenGgufAdapter write_gguf_adapter(const std::filesystem::path& file, const model::Decoder& decoder,
                                      const MethodSet& methods, const std::string& base_model) {
  const model::GgufNames names(decoder.spec());
  const auto architecture = names.architecture();
  if (!architecture) {
    throw ConfigError("llama.cpp has no model of architecture '" + decoder.spec().shape.architecture +
                      "' whose matrices are those of peftlab; its adapters cannot be written as GGUF");
  }
  UpdatedPoints updates(decoder, names);
  for (const auto& method : methods.methods) {
    for (const auto& point : method->filled()) updates.add(method->name(), point);
  }
  updates.throw_if_any();
  const float alpha = common_alpha(updates.all());
  WrittenGgufAdapter written{*architecture, static_cast<int64_t>(updates.all().size()), alpha};
  std::vector<torch::Tensor> kept;
  std::vector<io::GgufTensor> views;
  for (const auto& update : updates.all()) {
    const auto name = *names.file_module(update.module) + ".weight";
    auto up = names.file_rows(update.module, update.factors.up);
    if (update.alpha() != alpha) {
      up = up * (update.factors.scale * static_cast<double>(up.size(1)) / static_cast<double>(alpha));
      ++written.num_folded;
    }
    kept.push_back(in_file(update.is_table ? update.factors.down.t() : update.factors.down));
    views.push_back(view_of(name + ".lora_a", kept.back()));
    kept.push_back(in_file(up));
    views.push_back(view_of(name + ".lora_b", kept.back()));
  }
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  if (error) throw RunError(file.string() + ": cannot make the folder above it: " + error.message());
  io::write_gguf(file, metadata_of(written, base_model), views);
  return written;
}

}  // namespace peftlab::lab
