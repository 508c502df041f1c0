#include "core/cli/loaded.h"

#include "core/data/model_chat_format.h"
#include "core/lab/adapter_base.h"
#include "core/lab/loaded_model.h"
#include "core/lab/places.h"
#include "core/lab/run_folder.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;

lab::Device device_named(const std::string& name) {
  if (name == "auto") return lab::Device::automatic;
  if (name == "cpu") return lab::Device::cpu;
  if (name == "cuda") return lab::Device::cuda;
  throw ConfigError("--device is '" + name + "', expected auto, cpu or cuda");
}

}  // namespace

std::unique_ptr<data::ChatFormat> Loaded::format() const { return data::make_chat_format(tokenizer, path.string()); }

void add_other_base(CLI::App& verb, bool& other_base) {
  verb.add_flag("--other-base", other_base, "take an adapter that was trained on a model with another hash");
}

void LoadOptions::add_to(CLI::App& verb) {
  verb.add_option("model", model,
                  "a run's folder, or a model: Hugging Face folder, GGUF file, or name in models.json")
      ->required();
  verb.add_option("--adapter", adapter, "adapter folder or GGUF adapter to put on the model");
  add_other_base(verb, other_base);
  verb.add_option("--dtype", dtype, "type of the frozen weights: auto, bf16, f32")->capture_default_str();
  verb.add_option("--device", device, "auto, cpu or cuda")->capture_default_str();
}

Loaded load(const LoadOptions& o) {
  std::string model = o.model, folder = o.adapter, type = o.dtype;
  io::Json record = io::Json::object();
  if (fs::exists(fs::path(model) / "run.json")) {
    record = lab::read_record(o.model);
    model = record.at("model").at("name").get<std::string>();
    if (folder.empty()) folder = (fs::path(o.model) / "adapter").string();
    if (type == "auto") type = record.at("numbers").at("base_type").get<std::string>();
  }
  const auto path = lab::model_path(model);
  const auto source = model::open_weights(path);
  if (!folder.empty() && !o.other_base) lab::check_base(folder, *source);
  const auto device = lab::choose_device(device_named(o.device));
  Loaded loaded{path, lab::load_tokenizer(path), nullptr, {}, model};
  loaded.decoder = std::make_unique<model::Decoder>(*source, lab::choose_type(type, device), device, lab::reading_of(record, *source));
  if (folder.empty()) return loaded;
  loaded.methods = lab::attach_adapter(*loaded.decoder, folder, &loaded.tokenizer);
  loaded.title += " with " + loaded.methods.methods.front()->name() + " (" + folder + ")";
  return loaded;
}

}  // namespace peftlab::cli
