// The one header a method includes. methods/README.md shows how to write one.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peftlab/abi.h"
#include "peftlab/error.h"
#include "peftlab/options.h"
#include "peftlab/points.h"
#include "peftlab/value.h"

namespace peftlab {

/// Tensors by name.
using Tensors = std::map<std::string, torch::Tensor>;

/// An adapter as it lies in a folder: the fields of adapter_config.json and the tensors of adapter_model.safetensors.
struct Adapter {
  Fields config;
  Tensors tensors;
};

/// Known before the first step.
struct TrainingPlan {
  int64_t num_steps = 0;  // optimizer steps, accumulation included
  double learning_rate = 0.0;
};

/// How the optimizer treats one trainable tensor.
struct GroupRule {
  double learning_rate_factor = 1.0;
  bool decay = true;
};

/// What a method says of itself, shown as it is by the record and the report.
struct Report {
  struct Table {
    std::string title;
    std::vector<std::string> columns;
    std::vector<List> rows;
  };
  struct Series {
    std::string title;
    std::vector<double> values;
  };
  std::vector<Table> tables;
  std::vector<Series> series;
};

/// A parameter-efficient fine-tuning method: it decides which injection points to fill, and with what. The trainable set is
/// the parameters of the patches and of the method itself (modules that patches share are registered here); buffers are what
/// else must be remembered, so saving and resuming need nothing more.
class Method : public torch::nn::Module {
 public:
  /// Fills points of the frozen model. `loaded` is the adapter that will be read into the patches, or nullptr: shapes come
  /// from it and nothing random is drawn.
  virtual void attach(InjectionPoints& points, const Adapter* loaded) = 0;

  /// Once before the first step, also of a resumed run. Throws ConfigError for a plan the method cannot work with.
  virtual void begin(const TrainingPlan& plan);
  /// A scalar added to the loss once per optimizer step and logged apart; undefined: none.
  virtual torch::Tensor penalty();
  /// After the optimizer's step, before gradients are cleared. Steps count from 1.
  virtual void after_step(int64_t step);
  /// The optimizer's rule for a tensor, under its PEFT name. Default: no decay on vectors.
  virtual GroupRule group(const std::string& name, const torch::Tensor& tensor) const;

  /// The adapter_config.json that PEFT would write: every field but base_model_name_or_path, which the host adds. A method
  /// PEFT lacks keeps the default, `peft_type` PEFTLAB_<NAME> with the options as read.
  virtual std::optional<Fields> peft_config() const;
  /// `named`: every parameter under the name "base_model.model.<module>.<parameter>". Returns what PEFT's file holds.
  virtual Tensors to_peft(Tensors named) const;
  /// The inverse: what PEFT's file holds, as values of the parameters by the same names.
  virtual Tensors from_peft(Tensors saved) const;

  virtual Report report() const;
};

/// What a library says about the method in it. Plain data, so that reading it runs no code of the library.
struct MethodEntry {
  const char* name;   // the value of "method"/"name" in an experiment file; the library's file name without ".so"
  const char* title;  // one line for `peftlab methods`
  const char* paper;  // where the method is defined
  bool starts_as_identity;
  std::unique_ptr<Method> (*create)(Options& options);
  /// The options that recreate an adapter of another library from its adapter_config.json; nothing if it is not of this
  /// method. Throws ConfigError naming a field that changes the maths and that the method does not know. nullptr: never.
  std::optional<Fields> (*options_from_peft)(const Fields& config);
  const char* stamp;  // address of PEFTLAB_STAMP: ties the library to the host it was built for
};

}  // namespace peftlab

/// Ends the one source file of a method. `from_peft` is a function or nullptr.
#define PEFTLAB_METHOD(Type, name, title, paper, starts_as_identity, from_peft)                                             \
  extern "C" __attribute__((visibility("default"))) const ::peftlab::MethodEntry peftlab_method = {                         \
      name, title, paper, starts_as_identity,                                                                               \
      [](::peftlab::Options& options) -> std::unique_ptr<::peftlab::Method> { return std::make_unique<Type>(options); },    \
      from_peft, &PEFTLAB_STAMP};
