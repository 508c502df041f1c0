// A method on a toy model: what the promises are tried on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/check/toy_model.h"
#include "core/check/watched_points.h"
#include "core/lab/method_set.h"
#include "core/model/batch.h"
#include "core/train/step.h"

namespace peftlab::check {

inline constexpr uint64_t kToySeed = 3;  // of the base model's weights

/// A method, the options it is tried with, and the base model.
struct Trial {
  plugin::MethodLibrary library;
  io::Json options;  // an object without the key "name"
  const ToyModel* model = nullptr;
  bool plain = true;  // the options are those that were asked for, none varied

  /// "llama", or "llama with rslora=true" where an option is varied.
  std::string name;
};

class Subject;

/// How a trial is set up.
struct Setup {
  torch::ScalarType type = torch::kFloat32;
  uint64_t seed = 1;
  const Subject* base_of = nullptr;  // matrices that its method stores in another way are so here before
  const Adapter* loaded = nullptr;   // with the options that its config gives
  bool refusing = false;             // no module ever matches
  bool quantised_base = false;       // the layers' matrices are kept in four bits
};

/// The method as the trial's options make it. Throws ConfigError with all mistakes.
plugin::CreatedMethod create(const Trial& trial);

class Subject {
 public:
  /// Makes model and method anew. Throws ConfigError where the model has no such point, PluginError for a fault of the
  /// method.
  explicit Subject(const Trial& trial, Setup setup = {});
  /// The same with a method that was made already.
  Subject(const Trial& trial, Setup setup, plugin::CreatedMethod created);

  model::Decoder& decoder() { return *decoder_; }
  plugin::AttachedMethod& method() { return *set_.methods.front(); }
  lab::MethodSet& set() { return set_; }
  const WatchedPoints& points() const { return *watched_; }

  /// Moves every trained tensor off its start by seeded noise, so that nothing is zero.
  void perturb(double size = 0.1);
  /// Tells the method of the shortest plan it takes. Throws its ConfigError when it takes none.
  void begin();
  void train(bool on) { method().train(on); }

  /// The mean loss of the labels of all sequences, and the method's penalty; a graph hangs on it.
  torch::Tensor loss(const std::vector<model::Sequence>& sequences);
  /// Gradients of all trained tensors for one step over the sequences; undefined for what the loss does not reach.
  std::vector<torch::Tensor> step_gradients(const std::vector<model::Sequence>& sequences, int64_t batch_size,
                                            bool share);
  /// (n, V) for the rows of the batch, without those of virtual tokens.
  torch::Tensor logits(const model::Batch& batch);
  torch::Tensor logits(const model::Sequence& sequence);

 private:
  std::unique_ptr<model::Decoder> decoder_;
  lab::MethodSet set_;
  std::unique_ptr<WatchedPoints> watched_;
};

/// Optimizer steps on a subject, by the training loop's own parts.
class Training {
 public:
  /// REQUIRES: `subject` outlives this; begin() was called.
  Training(Subject& subject, std::vector<model::Sequence> sequences);
  /// `count` more steps, each over all sequences.
  void steps(int64_t count);

  /// Copies of all that a checkpoint keeps.
  struct Saved {
    Tensors method, optimizer;
    int64_t step = 0;
  };
  Saved save() const;
  void load(const Saved& saved);

 private:
  train::Job job_;
  train::Updater updater_;
  train::StepRunner runner_;
  int64_t step_ = 0;
};

/// Sequences of different lengths that begin alike and together hold every id of a toy vocabulary; unequal numbers of
/// labels.
std::vector<model::Sequence> mixed_sequences();

/// The coarsest type that products are made in: a matrix kept packed may have one of its own.
torch::ScalarType precision_of(const model::Decoder& decoder);

/// How far two right computations of the decoder may lie apart: the largest value, and the roundings of all the sums of
/// its matrices on the way. Gradients go the way twice.
double allowed_difference(const model::Decoder& decoder, torch::ScalarType type, double largest, int passes = 1);

/// Copies.
Tensors copied(const Tensors& tensors);

}  // namespace peftlab::check
