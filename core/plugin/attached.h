// A method on a model: what it trains, under which names, and how that is saved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plugin/created.h"
#include "core/plugin/filled_points.h"

namespace peftlab::plugin {

/// One trained tensor.
struct Trainable {
  std::string name;      // PEFT's: "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
  torch::Tensor tensor;  // a leaf that needs a gradient
  GroupRule rule;
};

class AttachedMethod {
 public:
  /// Lets the method fill points. With `loaded`, the adapter's tensors are read into the patches at once. Throws ConfigError,
  /// beginning with where the options stand and ending with the library's path, for what does not fit the model; PluginError
  /// with the library's path when the method throws anything else, or trains nothing, or holds a tensor of a wrong type.
  AttachedMethod(CreatedMethod created, FilledPoints& points, const Adapter* loaded = nullptr);

  Method& method() { return *created_.method; }
  const CreatedMethod& created() const { return created_; }
  std::string name() const { return created_.name(); }
  const std::vector<FilledPoint>& filled() const { return filled_; }
  /// Tells the method what is planned, once however often the same plan is told. Throws ConfigError, beginning with
  /// where the options stand and ending with the library's path, for a plan it refuses; PluginError when it throws
  /// anything else.
  void begin(const TrainingPlan& plan);
  /// Training or evaluation: of the method and of its patches.
  void train(bool on);

  /// Distinct tensors: the method's own first, then the points in the model's order.
  const std::vector<Trainable>& trainable() const { return trainable_; }
  /// Elements of the distinct trained tensors.
  int64_t num_trainable() const;

  /// All parameters and buffers of the method and its patches by unique names: with it a run goes on to the same bits. The
  /// tensors are the live ones, not copies.
  Tensors state() const;
  /// Throws ConfigError listing every tensor that is missing, not expected or misshapen; then nothing was changed.
  void load_state(const Tensors& state);

  /// The adapter as PEFT would save it; tensors on the CPU. `base_model` is the value of base_model_name_or_path.
  Adapter adapter(const std::string& base_model) const;
  /// The inverse. Throws ConfigError listing every tensor that is missing, not expected, misshapen or not finite; then nothing
  /// was changed. `where` is named by the errors.
  void load(const Adapter& adapter, const std::string& where);

 private:
  void attach(FilledPoints& points, const Adapter* loaded);
  void collect(const InjectionPoints& points);
  void add_trainable(const std::string& prefix, const torch::nn::Module& module, bool whole_name, const InjectionPoints& points);

  CreatedMethod created_;
  std::vector<FilledPoint> filled_;
  std::optional<TrainingPlan> begun_;
  std::vector<Trainable> trainable_;
};

/// The distinct trained tensors of methods that share a model, in the methods' order. Two methods may give different tensors one
/// name (what their modules share carries no module's name): then the method's name stands before it.
std::vector<Trainable> all_trainable(const std::vector<const AttachedMethod*>& methods);

}  // namespace peftlab::plugin
