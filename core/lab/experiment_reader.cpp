#include "core/lab/experiment_reader.h"

#include <algorithm>

#include "core/lab/gguf_adapter.h"

namespace peftlab::lab {

namespace fs = std::filesystem;
using io::Json;
using io::Pointer;

namespace {

constexpr const char* kMethodAbout = "a method and its options, or a list of methods that fill different points";

std::vector<std::string> listed_models(const fs::path& library) {
  std::vector<std::string> names;
  std::error_code error;
  if (library.empty() || !fs::exists(library / "models.json", error)) return names;
  const auto list = io::read_json(library / "models.json");
  for (const auto& [name, unused] : list.value.items()) names.push_back(name);
  return names;
}

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string did_you_mean(const std::string& name, const std::vector<std::string>& known) {
  const auto near = io::nearest(name, known);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace

ExperimentReader::ExperimentReader(const Layers& layers, const fs::path& library, io::Mistakes& mistakes)
    : layers_(layers), library_(library), mistakes_(mistakes), root_(layers.document, "", mistakes) {}

Experiment ExperimentReader::read() {
  Experiment experiment;
  experiment.about = root_.text("about", std::nullopt, "which question this experiment answers");
  root_.text("extends", "", "the experiment this one changes, relative to this file");
  experiment.model = read_model();
  experiment.task = read_task();
  experiment.methods = read_methods();
  experiment.adapter = read_adapter();
  experiment.other_base =
      root_.flag("other_base", false, "let the adapter start on another base model than it was trained on");
  experiment.seed = root_.integer("seed", 0, "all that is random in a run follows from it", {.least = 0});
  experiment.seeds = read_seeds(experiment.seed);
  const std::string device = root_.choice("device", "auto", {"auto", "cpu", "cuda"}, "where the run computes");
  experiment.device = device == "cpu" ? Device::cpu : device == "cuda" ? Device::cuda : Device::automatic;
  io::ObjectReader train = root_.object("train", "how the method is trained");
  experiment.train = lab::read_train(train);
  experiment.evaluate = read_evaluate();
  root_.finish();
  return experiment;
}

ModelChoice ExperimentReader::read_model() {
  const std::string kinds = "a name of models.json, a Hugging Face folder or a GGUF file";
  io::ObjectReader reader = root_.object("model", "the base model: " + kinds, /*required=*/true);
  ModelChoice model;
  if (!root_.has("model") || !layers_.document.value.at("model").is_object()) return model;
  model.name = reader.text("name", std::nullopt, kinds);
  model.dtype = reader.choice("dtype", "auto", {"auto", "bf16", "f32"}, "numbers the frozen weights are kept in");
  model.quantize = read_quantize(reader);
  const auto listed = listed_models(library_);
  if (!reader.has("name") || std::find(listed.begin(), listed.end(), model.name) != listed.end()) return model;
  model.path = resolve(model.name, "/model/name");
  std::error_code error;
  if (model.name.empty() || !fs::exists(model.path, error)) {
    reader.mistake("name",
                   "there is no model '" + model.name + "', expected " + kinds + did_you_mean(model.name, listed));
  }
  return model;
}

std::optional<model::Quantization> ExperimentReader::read_quantize(io::ObjectReader& parent) {
  io::ObjectReader reader = parent.object("quantize", "keep the layers' matrices in 4 bits; not if not given");
  const model::Quantization standard;
  model::Quantization read;
  auto& options = read.options;
  options.type = reader.choice("type", standard.options.type, {"nf4", "fp4"}, "the codes");
  options.double_quantization =
      reader.flag("double_quantization", standard.options.double_quantization, "keep the scales of blocks in 8 bits");
  options.block_size = reader.integer("block_size", standard.options.block_size, "values that share a scale: a power of two",
                                      {quant::kLeastBlock, quant::kLargestBlock});
  if (!quant::is_block_size(options.block_size)) {
    reader.mistake("block_size", "is " + std::to_string(options.block_size) + ", expected a power of two");
  }
  return parent.has("quantize") ? std::optional(read) : std::nullopt;
}

fs::path ExperimentReader::read_task() {
  const std::string name = root_.text("task", std::nullopt, "a task file, relative to this file, or a name of tasks/");
  return root_.has("task") ? task_file(name, "/task") : fs::path();
}

fs::path ExperimentReader::task_file(const std::string& name, const Pointer& pointer) {
  const fs::path given = resolve(name, pointer);
  std::error_code error;
  if (name.empty()) return given;
  if (fs::is_regular_file(given, error)) return given;
  const bool bare = name.find('/') == std::string::npos;
  if (bare && !library_.empty()) {
    const fs::path listed = library_ / "tasks" / (fs::path(name).extension() == ".json" ? name : name + ".json");
    if (fs::is_regular_file(listed, error)) return listed;
  }
  const auto known = bare && !library_.empty() ? files_in(library_ / "tasks") : files_in(given.parent_path());
  mistake(pointer, "there is no task file " + given.string() + did_you_mean(fs::path(name).stem().string(), known));
  return given;
}

std::vector<MethodChoice> ExperimentReader::read_methods() {
  const Json schema = Json::parse(R"({"$ref": "#/$defs/methods"})");
  const Json value = root_.any("method", kMethodAbout, schema);
  std::vector<MethodChoice> methods;
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) read_method(value[i], io::child("/method", i), methods);
    if (value.empty()) mistake("/method", "an empty list, expected at least one method");
  } else if (value.is_null()) {
    mistake("/method", std::string("missing, expected an object: ") + kMethodAbout);
  } else {
    read_method(value, "/method", methods);
  }
  return methods;
}

void ExperimentReader::read_method(const Json& value, const Pointer& pointer, std::vector<MethodChoice>& methods) {
  if (value.is_string()) return methods.push_back({value.get<std::string>(), Json::object(), pointer});
  if (!value.is_object())
    return mistake(pointer, "expected an object with the method's \"name\" and options, got " + io::shown(value));
  io::ObjectReader reader(layers_.document, pointer, mistakes_);
  MethodChoice method{reader.text("name", std::nullopt, "a method; 'peftlab methods' lists them"), value, pointer};
  method.options.erase("name");
  if (reader.has("name") && method.name.empty()) reader.mistake("name", "is empty; 'peftlab methods' lists the names");
  methods.push_back(std::move(method));
}

fs::path ExperimentReader::read_adapter() {
  const std::string name = root_.text("adapter", "", "a folder with the adapter to start from, or a GGUF file");
  if (name.empty()) return {};
  const fs::path folder = resolve(name, "/adapter");
  std::error_code error;
  const bool is_file = is_gguf_adapter(folder) && fs::is_regular_file(folder, error);
  if (!is_file && !fs::is_directory(folder, error)) mistake("/adapter", "there is no folder or GGUF file " + folder.string());
  return folder;
}

std::vector<int64_t> ExperimentReader::read_seeds(int64_t seed) {
  const Json schema = Json::parse(
      R"({"type": ["array", "null"], "items": {"type": "integer", "minimum": 0}, "minItems": 1, "uniqueItems": true})");
  const Json value = root_.any("seeds", "seeds of a comparison; the one of \"seed\" if not given", schema);
  if (value.is_null()) return {seed};
  std::vector<int64_t> seeds;
  for (const auto& one : value) {
    const bool fits = value.is_array() && one.is_number_unsigned() && one.get<std::uint64_t>() <= INT64_MAX;
    if (fits && std::find(seeds.begin(), seeds.end(), one.get<int64_t>()) == seeds.end())
      seeds.push_back(one.get<int64_t>());
  }
  if (!seeds.empty() && seeds.size() == value.size()) return seeds;
  mistake("/seeds", "expected a list of different integers of at least 0, got " + io::shown(value));
  return {seed};
}

fs::path ExperimentReader::resolve(const std::string& path, const Pointer& pointer) const {
  return (layers_.folder(pointer) / path).lexically_normal();
}

void ExperimentReader::mistake(const Pointer& pointer, const std::string& message) {
  mistakes_.add(layers_.document.where(pointer), pointer, message);
}

}  // namespace peftlab::lab
