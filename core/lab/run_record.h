// What run.json holds, piece by piece. Every number has its unit in its name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/evaluate/forgetting.h"
#include "core/lab/assessment.h"
#include "core/lab/loaded_model.h"
#include "core/lab/method_set.h"
#include "core/train/trainer.h"

namespace peftlab::lab {

/// What a run is made from, all of it read.
struct RunInputs {
  const Experiment& experiment;
  const ModelFiles& files;
  const Workload& work;
  const data::ChatFormat& format;
  const text::Tokenizer& tokenizer;
  const std::vector<plugin::CreatedMethod>& methods;
  torch::ScalarType type;
  torch::Device device;
};

/// Experiment, hashes, identity (identity.h), versions, machine, data and model.
io::Json begin_record(const RunInputs& inputs);

/// The key under which the base model's answers are kept: all that decides them. REQUIRES: record_methods() was called.
std::string base_key(const io::Json& record);

/// Trained tensors, their share of the model, what fills which points, and how the frozen tensors are kept.
void record_methods(io::Json& record, const MethodSet& methods, const model::Decoder& decoder);
void record_training(io::Json& results, const train::Outcome& outcome);

/// What was resident when training was at its highest, in bytes.
struct TrainingMemory {
  int64_t resident_before = 0;  // training
  int64_t peak = 0;
  int64_t base_model = 0;
  train::TrainingBytes held;
};

/// The peak and its parts, which add up to it. "activations" are what a step works with, the optimizer's and the
/// gradients' bytes left out; "program" is what was resident before training, models and methods left out.
void record_training_memory(io::Json& results, const TrainingMemory& memory);
/// Bytes of the adapter's tensors on disk. `folder`: what write_adapters() wrote.
void record_adapter(io::Json& record, const std::filesystem::path& folder);
/// What the methods say of themselves: their tables and series as they are.
void record_reports(io::Json& results, const MethodSet& methods);
/// Means and every item's score. `which`: "base" or "tuned".
void record_assessment(io::Json& results, const std::string& which, const Assessment& assessment);
/// The first five wrong outputs of the last split evaluated.
void record_wrong_outputs(io::Json& results, const Assessment& tuned);
void record_forgetting(io::Json& results, const std::vector<evaluate::ForgettingScore>& scores, double seconds, int64_t peak_bytes);

/// One line an item: split, row, reference, text and score of the tuned model, and of the base model where it was asked.
void write_predictions(const std::filesystem::path& file, const Assessment& tuned, const Assessment* base);

/// The texts as token windows.
std::vector<evaluate::ForgettingText> forgetting_texts(const evaluate::Forgetting& settings, const text::Tokenizer& tokenizer,
                                                       const data::ChatFormat& format);

}  // namespace peftlab::lab
