// All tensors of a decoder in memory, arranged by layer.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/quantization.h"
#include "core/model/slots.h"
#include "core/model/sources/weight_source.h"

namespace peftlab::model {

struct Layer {
  int64_t index = 0;
  NormSlot attention_norm;
  std::vector<LinearSlot*> query_key_value;  // three, or one whose rows are [q | k | v]
  NormSlot query_norm;                       // weight nullptr: none
  NormSlot key_norm;
  LinearSlot* attention_output = nullptr;
  NormSlot attention_post_norm;  // weight nullptr: none
  NormSlot mlp_norm;
  std::vector<LinearSlot*> mlp_input;  // gate and up, or one
  LinearSlot* mlp_output = nullptr;
  NormSlot mlp_post_norm;  // weight nullptr: none
};

/// How matrices are read.
struct Reading {
  /// Keeps every linear layer but the head in four bits, matrix by matrix: never more than one of them is in memory whole.
  std::optional<Quantization> quantization;
  /// Leaves the layers' matrices on disk until they are asked for, or load_rest(): for methods that keep them in another way.
  /// REQUIRES: the source lives until then.
  bool lazily = false;
};

/// Whether the matrix is kept as its values, in memory or on disk.
bool is_whole(const WeightStorage& storage);

/// Owns every slot. Not copyable: layers and patches point into it.
class Weights {
 public:
  /// Reads everything the specification names, in `type` on `device`. Throws ConfigError that lists every tensor that is
  /// missing, misshapen or not expected, or that cannot be quantised; and for a source that is to be quantised and is already.
  Weights(const WeightSource& source, torch::ScalarType type, torch::Device device, const Reading& reading = {});
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  std::vector<Layer> layers;
  NormSlot final_norm;
  ParameterSlot* embedding = nullptr;  // (V, C)
  ParameterSlot* positions = nullptr;  // (max_positions, C); nullptr: positions are not learned
  LinearSlot* head = nullptr;          // nullptr: tied to the embedding
  bool patched = true;                 // false: every slot behaves as if empty

  std::deque<ParameterSlot>& parameters() { return parameters_; }
  const std::deque<ParameterSlot>& parameters() const { return parameters_; }
  std::deque<LinearSlot>& linears() { return linears_; }
  const std::deque<LinearSlot>& linears() const { return linears_; }
  /// Bytes of all frozen tensors as they are kept.
  int64_t bytes() const;
  int64_t num_parameters() const;

  /// Reads the tensor where it was left on disk. A quantised matrix stays as it is: its tensor is undefined.
  void load(ParameterSlot& slot);
  void load_rest();

 private:
  struct Loader;
  std::deque<ParameterSlot> parameters_;  // in the model's order; deque: addresses stay
  std::deque<LinearSlot> linears_;
};

}  // namespace peftlab::model
