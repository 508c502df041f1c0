#include "core/lab/experiment.h"

#include "core/io/sha256.h"
#include "core/lab/experiment_reader.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/lab/resolved_settings.h"

namespace peftlab::lab {

namespace fs = std::filesystem;
using io::Json;

namespace {

fs::path find_library(const fs::path& file) {
  std::error_code error;
  for (fs::path folder = fs::absolute(file).parent_path();; folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / "models.json", error)) return folder;
    if (!folder.has_relative_path()) break;
  }
  const fs::path folder = experiments_folder();
  return fs::is_regular_file(folder / "models.json", error) ? folder : fs::path();
}

const char* name_of(Device device) { return device == Device::cpu ? "cpu" : device == Device::cuda ? "cuda" : "auto"; }

Json name_or_null(const fs::path& path) {
  const fs::path name = path.has_filename() ? path.filename() : path.parent_path().filename();
  return name.empty() ? Json() : Json(name.string());
}

// nlohmann::json keeps its keys sorted.
Json sorted(const Json& value) { return Json::parse(nlohmann::json::parse(value.dump()).dump()); }

Json resolved_quantize(const std::optional<model::Quantization>& quantize) {
  if (!quantize) return nullptr;
  const auto& options = quantize->options;
  return {{"type", options.type}, {"double_quantization", options.double_quantization}, {"block_size", options.block_size}};
}

Json resolved_methods(const std::vector<MethodChoice>& methods) {
  Json list = Json::array();
  for (const auto& method : methods) {
    Json one = method.options;
    one["name"] = method.name;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

Json Experiment::resolved() const {
  Json model_json = {{"name", model.path.empty() ? Json(model.name) : name_or_null(model.path)},
                     {"dtype", model.dtype},
                     {"quantize", resolved_quantize(model.quantize)}};
  return sorted({{"about", about},
                 {"model", std::move(model_json)},
                 {"task", name_or_null(task)},
                 {"method", resolved_methods(methods)},
                 {"adapter", name_or_null(adapter)},
                 {"other_base", other_base},
                 {"seed", seed},
                 {"seeds", seeds},
                 {"device", name_of(device)},
                 {"train", resolved_train(train)},
                 {"evaluate", resolved_evaluate(evaluate)}});
}

std::string Experiment::hash() const {
  Json identity = resolved();
  identity.erase("about");
  identity.erase("seeds");
  identity.erase("other_base");
  return io::sha256_hex(identity.dump());
}

Experiment load_experiment(const fs::path& file, const std::vector<Override>& overrides, fs::path library) {
  io::Mistakes mistakes;
  const Layers layers = read_layers(file, overrides, mistakes);
  if (library.empty()) library = find_library(file);
  ExperimentReader reader(layers, library, mistakes);
  Experiment experiment = reader.read();
  experiment.document = layers.document;
  if (!mistakes.empty() || reader.lacks_texts()) add_method_mistakes(experiment, mistakes);
  if (mistakes.empty()) reader.require_texts();
  mistakes.throw_if_any();
  experiment.name = file.stem().string();
  experiment.file = fs::absolute(file);
  experiment.library = std::move(library);
  return experiment;
}

}  // namespace peftlab::lab
