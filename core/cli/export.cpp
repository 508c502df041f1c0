// `peftlab export`: a model or an adapter in the form that other programs read.
#include <iostream>

#include "core/cli/commands.h"
#include "core/lab/loaded_model.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/lab/run_folder.h"
#include "core/model/export.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string from, folder, dtype = "auto";
  bool hugging_face = false, adapter = false;
};

int export_model(const Options& o) {
  const auto path = lab::model_path(o.from);
  const auto source = model::open_weights(path);
  const auto type = model::export_type(o.dtype, *source);
  const bool has_tokenizer = model::write_hugging_face(o.folder, source->spec(), model::all_tensors(*source, type), type, path);
  std::cout << o.folder << ": " << o.from << " as a Hugging Face folder, weights in " << lab::type_name(type) << "\n";
  if (!has_tokenizer) std::cout << "without a tokenizer: " << path.string() << " has none\n";
  return kDone;
}

int export_adapter(const Options& o) {
  const fs::path from = fs::exists(fs::path(o.from) / "run.json") ? fs::path(o.from) / "adapter" : fs::path(o.from);
  const auto folders = lab::adapter_folders(from);
  const fs::path target = fs::absolute(o.folder).lexically_normal();
  for (const auto& folder : folders) {
    const auto adapter = plugin::read_adapter(folder);
    const bool alone = folder == from;
    const fs::path place = alone ? target : target / folder.filename();
    std::error_code error;
    fs::create_directories((place.has_filename() ? place : place.parent_path()).parent_path(), error);
    if (error) throw RunError(place.string() + ": cannot make the folder above it: " + error.message());
    plugin::write_adapter(place.has_filename() ? place : place.parent_path(), adapter);
    const auto* type = adapter.config.find("peft_type");
    const std::string kind = type != nullptr && type->is_text() ? type->text() : "unknown";
    std::cout << (alone ? o.folder : place.string()) << ": adapter of type " << kind << "\n";
    if (kind.starts_with("PEFTLAB_")) std::cout << "PEFT has no method of this type: only peftlab reads it\n";
  }
  return kDone;
}

int run_export(const Options& o) {
  if (o.hugging_face == o.adapter) throw ConfigError("export: expected either --hf or --adapter");
  if (o.adapter && o.dtype != "auto") throw ConfigError("export: --dtype goes with --hf; an adapter is copied as it is");
  model::check_new_folder(o.folder);
  return o.hugging_face ? export_model(o) : export_adapter(o);
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("export", "Write a model as a Hugging Face folder, or an adapter in PEFT's form");
  auto o = std::make_shared<Options>();
  verb->add_flag("--hf", o->hugging_face, "write the model as a folder that transformers loads");
  verb->add_flag("--adapter", o->adapter, "copy an adapter in the form that PEFT loads");
  verb->add_option("from", o->from, "with --hf a model; with --adapter a run's folder or an adapter folder")->required();
  verb->add_option("folder", o->folder, "the folder to make")->required();
  verb->add_option("--dtype", o->dtype, "type of the weights: auto (as they are kept; quantised ones become bf16), bf16, f16, f32")
      ->capture_default_str();
  set_example(*verb, "peftlab export --hf smollm2-135m-instruct smollm2-hf");
  verb->callback([o, &action] { action = [o] { return run_export(*o); }; });
}

}  // namespace peftlab::cli
