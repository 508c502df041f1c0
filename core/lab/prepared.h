// What an experiment works with: methods, data, tokenizer, and the model they are attached to.
#pragma once

#include <memory>
#include <vector>

#include "core/data/model_chat_format.h"
#include "core/lab/display.h"
#include "core/lab/loaded_model.h"
#include "core/lab/method_set.h"
#include "core/lab/workload.h"

namespace peftlab::lab {

/// Read in two steps, so that what decides what a run is can be looked at before anything heavy.
struct Prepared {
  Experiment experiment;  // options of methods filled in
  std::vector<plugin::CreatedMethod> created;  // empty once they are attached
  std::unique_ptr<ModelFiles> files;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<data::ChatFormat> format;
  std::unique_ptr<Workload> work;
  torch::Device device = torch::kCPU;
  torch::ScalarType type = torch::kFloat32;
  std::unique_ptr<model::Decoder> decoder;
  MethodSet methods;

  /// Everything but the weights. Throws ConfigError with all mistakes of a part.
  Prepared(Experiment experiment, Display& display);

  /// Reads the weights, attaches the methods, loads the adapter that the experiment starts from, and checks that all
  /// training examples have room and that the methods can work with the plan. Throws ConfigError.
  void load_model();

  /// The training loop's job, without checkpoints and evaluation. Lives no longer than this.
  train::Job job() const;

 private:
  void load_start();
};

}  // namespace peftlab::lab
