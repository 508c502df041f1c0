// The methods of an experiment: their libraries, their checked options, and their place on a model.
#pragma once

#include <memory>
#include <vector>

#include "core/lab/experiment.h"
#include "core/plugin/adapter_folder.h"
#include "core/plugin/attached.h"
#include "core/plugin/decoder_points.h"
#include "core/text/tokenizer.h"

namespace peftlab::lab {

/// Finds and makes every method of the experiment and puts its options, defaults filled in, into `experiment.methods`. Throws
/// ConfigError with all mistakes of all methods.
std::vector<plugin::CreatedMethod> create_methods(Experiment& experiment);

/// Adds to `mistakes` what create_methods would throw, as far as the libraries can be loaded: told beside what else is
/// wrong with the experiment. REQUIRES: `experiment.document` is set.
void add_method_mistakes(const Experiment& experiment, io::Mistakes& mistakes);

/// Methods on a decoder, in the order they were attached.
struct MethodSet {
  std::unique_ptr<plugin::DecoderPoints> points;
  std::vector<std::unique_ptr<plugin::AttachedMethod>> methods;

  std::vector<plugin::AttachedMethod*> pointers() const;
  int64_t num_trainable() const;
};

/// Tells the decoder of the trained tensors that belong to no single layer, so that a recomputed layer finds them.
void note_shared_parameters(model::Decoder& decoder, const MethodSet& set);

/// Attaches freshly made methods under the run's seed.
MethodSet attach_methods(model::Decoder& decoder, std::vector<plugin::CreatedMethod> created, uint64_t seed,
                         const text::Tokenizer* tokenizer);

/// The folder itself where it holds an adapter (or is a GGUF file), or those below it that do. Throws ConfigError when there is none.
std::vector<std::filesystem::path> adapter_folders(const std::filesystem::path& folder);

/// Attaches the adapter of a folder or a GGUF file, or all adapters of a run's adapter folder with one subfolder a method.
MethodSet attach_adapter(model::Decoder& decoder, const std::filesystem::path& folder, const text::Tokenizer* tokenizer);

/// Writes one adapter into `folder`, or several into subfolders "0-<name>", "1-<name>" of it. `base`: what they were
/// trained on; frozen weights in them are those of `source`, from which the model was read.
void write_adapters(const MethodSet& set, const std::filesystem::path& folder, const plugin::BaseModel& base,
                    const model::WeightSource& source);

}  // namespace peftlab::lab
