#include "core/cli/loaded.h"

#include "core/data/model_chat_format.h"
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

Loaded load(const std::string& name, const std::string& adapter, const std::string& dtype, const std::string& device_name) {
  std::string model = name, folder = adapter, type = dtype;
  io::Json record = io::Json::object();
  if (fs::exists(fs::path(name) / "run.json")) {
    record = lab::read_record(name);
    model = record.at("model").at("name").get<std::string>();
    if (folder.empty()) folder = (fs::path(name) / "adapter").string();
    if (type == "auto") type = record.at("numbers").at("base_type").get<std::string>();
  }
  const auto path = lab::model_path(model);
  const auto source = model::open_weights(path);
  const auto device = lab::choose_device(device_named(device_name));
  Loaded loaded{path, lab::load_tokenizer(path), nullptr, {}, model};
  loaded.decoder = std::make_unique<model::Decoder>(*source, lab::choose_type(type, device), device, lab::reading_of(record, *source));
  if (folder.empty()) return loaded;
  loaded.methods = lab::attach_adapter(*loaded.decoder, folder, &loaded.tokenizer);
  loaded.title += " with " + loaded.methods.methods.front()->name() + " (" + folder + ")";
  return loaded;
}

}  // namespace peftlab::cli
