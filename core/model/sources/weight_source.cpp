#include "core/model/sources/weight_source.h"

#include "core/model/sources/gguf_source.h"
#include "core/model/sources/hugging_face_source.h"

namespace peftlab::model {

torch::Tensor WeightSource::read_matrix(const std::string& name, torch::ScalarType type) const {
  const auto kept = read(name, type);
  return spec().fan_in_fan_out && !is_quantized() ? kept.t().contiguous() : kept;
}

std::unique_ptr<WeightSource> open_weights(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (!std::filesystem::exists(path)) {
    throw ConfigError(path.string() + ": no such model; expected a Hugging Face folder, a .gguf file, or a name listed in "
                      "experiments/models.json");
  }
  if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt") {
    throw ConfigError(path.string() + ": a pickled file can run code when it is opened and is not read; save the model with "
                      "model.save_pretrained(folder, safe_serialization=True) in transformers and give that folder");
  }
  if (std::filesystem::is_directory(path)) return std::make_unique<HuggingFaceSource>(path);
  if (extension == ".gguf") return std::make_unique<GgufSource>(path);
  throw ConfigError(path.string() + ": not a model; expected a Hugging Face folder or a .gguf file");
}

}  // namespace peftlab::model
