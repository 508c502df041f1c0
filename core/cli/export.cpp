// `peftlab export`: a model or an adapter in the form that other programs read.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/loaded.h"
#include "core/io/gguf.h"
#include "core/lab/adapter_base.h"
#include "core/lab/gguf_adapter.h"
#include "core/lab/loaded_model.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/lab/run_folder.h"
#include "core/model/export/export.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string from, folder, dtype = "auto", model;
  bool hugging_face = false, adapter = false, gguf_adapter = false, other_base = false;
};

int export_model(const ExportOptions& o) {
  const auto path = lab::model_path(o.from);
  const auto source = model::open_weights(path);
  const auto type = model::export_type(o.dtype, *source);
  const bool has_tokenizer =
      model::write_hugging_face(o.folder, source->spec(), model::all_tensors(*source, type), type, path);
  std::cout << o.folder << ": " << o.from << " as a Hugging Face folder, weights in " << lab::type_name(type) << "\n";
  if (!has_tokenizer) std::cout << "without a tokenizer: " << path.string() << " has none\n";
  return kDone;
}

fs::path adapter_of(const std::string& from) {
  return fs::exists(fs::path(from) / "run.json") ? fs::path(from) / "adapter" : fs::path(from);
}

/// Absolute, without a slash at its end, with its parent made.
fs::path ready(const fs::path& path) {
  fs::path target = fs::absolute(path).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) throw RunError(target.string() + ": cannot make the folder above it: " + error.message());
  return target;
}

void write_folder(const std::string& shown, const fs::path& place, const Adapter& adapter,
                  const std::optional<plugin::BaseModel>& base) {
  plugin::write_adapter(ready(place), adapter, base);
  const auto* type = adapter.config.find("peft_type");
  const std::string kind = type != nullptr && type->is_text() ? type->text() : "unknown";
  std::cout << shown << ": adapter of type " << kind << "\n";
  if (kind.starts_with("PEFTLAB_")) std::cout << "PEFT has no method of this type: only peftlab reads it\n";
}

/// A model with an adapter on it, whose matrices stay on disk as long as nobody asks for them.
struct Attached {
  std::string base_model;
  std::unique_ptr<model::WeightSource> source;
  std::unique_ptr<model::Decoder> decoder;
  lab::MethodSet methods;
};

std::string base_model_of(const ExportOptions& o, const io::Json& record) {
  if (!o.model.empty()) return o.model;
  std::string name = record.value("model", io::Json::object()).value("name", std::string());
  const auto path = adapter_of(o.from);
  if (name.empty() && lab::is_gguf_adapter(path)) {
    name = io::GgufFile(path).text("general.base_model.0.name", "");
  } else if (name.empty()) {
    const auto adapter = plugin::read_adapter(lab::adapter_folders(path).front());
    const auto* said = adapter.config.find("base_model_name_or_path");
    if (said != nullptr && said->is_text()) name = said->text();
  }
  if (name.empty()) throw ConfigError(o.from + ": does not say which model it belongs to; give it with --model");
  return name;
}

Attached attached(const ExportOptions& o) {
  const bool is_run = fs::exists(fs::path(o.from) / "run.json");
  const auto record = is_run ? lab::read_record(o.from) : io::Json::object();
  Attached all;
  all.base_model = base_model_of(o, record);
  try {
    all.source = model::open_weights(lab::model_path(all.base_model));
  } catch (const ConfigError& error) {
    throw ConfigError(std::string(error.what()) + (o.model.empty() ? "; or give the base model with --model" : ""));
  }
  if (!o.other_base) lab::check_base(adapter_of(o.from), *all.source);
  model::Reading reading = lab::reading_of(record, *all.source);
  reading.lazily = true;
  all.decoder = std::make_unique<model::Decoder>(*all.source, torch::kFloat32, torch::kCPU, reading);
  all.methods = lab::attach_adapter(*all.decoder, adapter_of(o.from), nullptr);
  return all;
}

int export_adapter(const ExportOptions& o) {
  model::check_new_folder(o.folder);
  const auto from = adapter_of(o.from);
  if (lab::is_gguf_adapter(from)) {
    const auto all = attached(o);
    // A GGUF adapter says nothing of what it was trained on, so neither does its copy.
    write_folder(o.folder, o.folder, all.methods.methods.front()->adapter(all.base_model), std::nullopt);
    return kDone;
  }
  for (const auto& folder : lab::adapter_folders(from)) {
    const bool alone = folder == from;
    const fs::path place = alone ? fs::path(o.folder) : fs::path(o.folder) / folder.filename();
    write_folder(place.string(), place, plugin::read_adapter(folder), plugin::trained_on(folder));
  }
  return kDone;
}

int export_gguf_adapter(const ExportOptions& o) {
  fs::path file = o.folder;
  if (file.extension() != ".gguf") {
    model::check_new_folder(file);
    file /= "adapter.gguf";
  } else if (fs::exists(file)) {
    throw ConfigError(o.folder + ": exists already and is not written over; give the name of a new file");
  }
  const auto all = attached(o);
  const auto written = lab::write_gguf_adapter(file, *all.decoder, all.methods, all.base_model);
  std::cout << file.string() << ": " << written.num_updates
            << " low-rank updates in float32 for llama.cpp's architecture " << written.architecture
            << ", adapter.lora.alpha " << written.alpha << " (scale x rank)\n";
  if (written.num_folded > 0)
    std::cout << "the file has one alpha: " << written.num_folded
              << " updates with another carry the rest of their scale in lora_b\n";
  return kDone;
}

int run_export(const ExportOptions& o) {
  const int kinds = int{o.hugging_face} + int{o.adapter} + int{o.gguf_adapter};
  if (kinds != 1) throw ConfigError("export: expected one of --hf, --adapter and --gguf-adapter");
  if (!o.hugging_face && o.dtype != "auto")
    throw ConfigError("export: --dtype goes with --hf; an adapter keeps its numbers");
  if (o.hugging_face && !o.model.empty()) throw ConfigError("export: --model goes with an adapter");
  if (o.hugging_face && o.other_base) throw ConfigError("export: --other-base goes with an adapter");
  if (o.gguf_adapter) return export_gguf_adapter(o);
  if (o.adapter) return export_adapter(o);
  model::check_new_folder(o.folder);
  return export_model(o);
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto* verb =
      app.add_subcommand("export", "Write a model as a Hugging Face folder, or an adapter in PEFT's form or as GGUF");
  auto o = std::make_shared<ExportOptions>();
  verb->add_flag("--hf", o->hugging_face, "write the model as a folder that transformers loads");
  verb->add_flag("--adapter", o->adapter, "write an adapter as a folder that PEFT loads");
  verb->add_flag("--gguf-adapter", o->gguf_adapter, "write a low-rank adapter as a file that llama.cpp loads");
  verb->add_option("from", o->from, "with --hf a model; else a run's folder, an adapter folder, or a GGUF adapter")
      ->required();
  verb->add_option("folder", o->folder, "the folder to make; with --gguf-adapter also a file that ends in .gguf")
      ->required();
  verb->add_option("--model", o->model, "base model of an adapter, where neither run nor adapter names it");
  add_other_base(*verb, o->other_base);
  verb->add_option("--dtype", o->dtype,
                   "type of the weights: auto (as they are kept; quantised ones become bf16), bf16, f16, f32")
      ->capture_default_str();
  set_example(*verb, "peftlab export --hf smollm2-135m-instruct smollm2-hf");
  verb->callback([o, &action] { action = [o] { return run_export(*o); }; });
}

}  // namespace peftlab::cli
