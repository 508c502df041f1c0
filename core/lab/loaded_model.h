// A base model with its tokenizer and chat template, ready to compute.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "core/data/chat_format.h"
#include "core/lab/experiment.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"

namespace peftlab::lab {

/// What stands on disk, read but for the weights.
struct ModelFiles {
  std::filesystem::path path;
  std::unique_ptr<model::WeightSource> source;

  explicit ModelFiles(const std::filesystem::path& path);

  /// Of the source weights, before any storage. Made in a thread of its own from the start on; waits for it.
  const std::string& hash() const { return hash_.get(); }

 private:
  std::shared_future<std::string> hash_;
};

/// Reads the tokenizer beside the weights. Throws ConfigError when there is none.
text::Tokenizer load_tokenizer(const std::filesystem::path& model);

/// "cpu" or "cuda". Throws ConfigError when cuda is asked for and this libtorch or machine has none.
torch::Device choose_device(Device wanted);

/// The type of the frozen weights: what the user said, or, for "auto", bfloat16 where the processor multiplies it fast
/// (avx512_bf16, or CUDA) and float32 elsewhere. `dtype`: "auto", "bf16", "f32", "f64" or the long names.
torch::ScalarType choose_type(const std::string& dtype, torch::Device device);

/// How to read the matrices of a run's base model again, as the run kept them: `record` is its run.json. Throws ConfigError for a
/// record whose matrices differ from one another.
model::Reading reading_of(const io::Json& record, const model::WeightSource& source);

/// "bfloat16".
std::string type_name(torch::ScalarType type);

}  // namespace peftlab::lab
