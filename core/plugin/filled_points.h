// What the model tells core about the points a method has filled.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "peftlab/points.h"

namespace peftlab::plugin {

enum class PointKind { kWeight, kParameter, kTable, kVirtualTokens, kPrefix };

/// A point that is filled.
struct FilledPoint {
  PointKind kind = PointKind::kWeight;
  /// Of a weight or the table the Hugging Face module path ("model.layers.3.self_attn.q_proj", "model.embed_tokens"), of a
  /// parameter its name ("model.norm.weight"), of virtual tokens and prefixes "".
  std::string name;
  std::shared_ptr<torch::nn::Module> patch;
};

/// The injection points of a model in memory.
class FilledPoints : public InjectionPoints {
 public:
  /// Every filled point, whoever filled it.
  virtual std::vector<FilledPoint> filled() const = 0;
  /// Who fills from now on: named where a point would be filled twice. Where an adapter is read, its `exclude` and
  /// `layers` may match nothing.
  virtual void set_filler(const std::string& method, bool reads_adapter) = 0;
};

}  // namespace peftlab::plugin
