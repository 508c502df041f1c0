// `peftlab inspect`: what a model, a run or an adapter is.
#include <cstdio>
#include <iostream>
#include <set>

#include "core/cli/commands.h"
#include "core/data/report/report_text.h"
#include "core/lab/inspection.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/lab/run_folder.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;
using data::grouped;

constexpr int kLabel = 18;

struct InspectOptions {
  std::string what;
  bool json = false;
};

std::ostream& row(const std::string& label) { return std::cout << data::left(label, kLabel); }

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

void print_groups(const std::vector<lab::TensorGroup>& groups) {
  std::cout << data::right("shape", kLabel) << data::right("count", 7) << "  name\n";
  for (const auto& group : groups) {
    std::cout << data::right(shape_text(group.shape), kLabel) << data::right(grouped(group.count), 7) << "  " << group.pattern << "\n";
  }
}

/// What `targets` may say: the last part of each name, once.
std::string target_names(const std::vector<lab::TensorGroup>& groups) {
  std::set<std::string> seen;
  std::string text;
  for (const auto& group : groups) {
    const std::string name = group.pattern.substr(group.pattern.rfind('.') + 1);
    if (seen.insert(name).second) text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

void print_model(const lab::ModelInspection& m) {
  const ModelShape& s = m.spec.shape;
  row("architecture") << s.architecture << "\n";
  row("layers") << s.num_layers << ", " << s.width << " wide, MLP " << s.mlp_width << "\n";
  row("heads") << s.num_heads << " of " << s.head_width << ", " << s.num_kv_heads << " for keys and values\n";
  row("vocabulary") << grouped(s.vocab_size) << (s.tied_head ? ", the head is the embedding table\n" : "\n");
  row("longest text") << grouped(m.spec.max_positions) << " tokens\n";
  row("parameters") << grouped(m.num_parameters) << "\n";
  row("stored as") << m.stored_type << ", " << grouped(m.file_bytes) << " bytes\n";
  if (m.quantized) {
    char bits[32];
    std::snprintf(bits, sizeof bits, "%.3f", m.quantized->bits_per_parameter());
    row("quantised") << grouped(m.quantized->count) << " matrices: " << model::about(*m.quantized) << "\n";
    row("") << bits << " bits a parameter, " << grouped(m.quantized->bytes) << " bytes\n";
  }
  const int64_t whole = m.num_parameters - (m.quantized ? m.quantized->num_parameters : 0);
  const int64_t packed = m.quantized ? m.quantized->bytes : 0;
  row("in memory") << grouped(packed + 2 * whole) << " bytes as bf16, " << grouped(packed + 4 * whole) << " as f32\n";
  std::cout << "\nmatrices that a method can target (out x in)\n";
  print_groups(m.matrices);
  data::WrappedText text(std::cout, /*width=*/80, /*indent=*/2);
  text.word("names for \"targets\":");
  std::istringstream names(target_names(m.matrices) + ", or \"all-linear\"");
  for (std::string name; names >> name;) text.word(" " + name);
}

void print_adapter(const lab::AdapterInspection& a) {
  row("adapter") << a.path << "\n";
  row("type") << (a.peft_type.empty() ? "not said" : a.peft_type) << "\n";
  row("base model") << (a.base_model.empty() ? "not said" : a.base_model) << "\n";
  row("read by") << (a.method.empty() ? "no method here" : "method " + a.method) << "\n";
  if (!a.why_unread.empty()) std::cout << "  " << a.why_unread << "\n";
  row("parameters") << grouped(a.num_parameters) << ", " << grouped(a.bytes) << " bytes\n\n";
  print_groups(a.tensors);
}

int show_model(const fs::path& path, const InspectOptions& o) {
  const auto inspection = lab::inspect_model(path);
  if (o.json) {
    std::cout << lab::to_json(inspection).dump(2) << "\n";
  } else {
    row("model") << path.string() << "\n";
    print_model(inspection);
  }
  return kDone;
}

std::vector<lab::AdapterInspection> adapters_in(const fs::path& folder) {
  std::vector<lab::AdapterInspection> adapters;
  for (const auto& one : lab::adapter_folders(folder)) adapters.push_back(lab::inspect_adapter(one));
  return adapters;
}

int show_adapters(const fs::path& folder, const InspectOptions& o) {
  const auto adapters = adapters_in(folder);
  io::Json list = io::Json::array();
  for (size_t i = 0; i < adapters.size(); ++i) {
    list.push_back(lab::to_json(adapters[i]));
    if (o.json) continue;
    if (i > 0) std::cout << "\n";
    print_adapter(adapters[i]);
  }
  if (o.json) std::cout << io::Json{{"adapters", list}}.dump(2) << "\n";
  return kDone;
}

/// A member that is text or a number, as text; "" for anything else.
std::string member(const io::Json& object, const std::string& key) {
  if (!object.is_object() || !object.contains(key)) return "";
  const auto& value = object.at(key);
  return value.is_string() ? value.get<std::string>() : value.is_number() ? value.dump() : "";
}

void print_record(const io::Json& record, const fs::path& folder) {
  row("run") << folder.string() << "\n";
  for (const char* key : {"name", "about", "seed", "status", "started"}) {
    const std::string text = member(record, key);
    if (text.empty()) continue;
    row(key);
    data::WrappedText(std::cout, /*width=*/80 - kLabel, kLabel).text(text);
  }
  const auto model = record.value("model", io::Json::object());
  row("model") << member(model, "name") << " (" << member(model, "stored_type") << ")\n";
  for (const auto& method : record.value("methods", io::Json::array())) {
    row("method") << member(method, "name") << ": " << member(method, "title") << "\n";
  }
  if (record.contains("num_trainable")) row("trainable") << member(record, "num_trainable") << " parameters\n";
  std::cout << "\n";
}

int show_run(const fs::path& folder, const InspectOptions& o) {
  const auto record = lab::read_record(folder);
  if (!record.is_object()) throw ConfigError((folder / "run.json").string() + ": expected an object");
  const bool trained = fs::exists(folder / "adapter");
  if (!o.json) {
    print_record(record, folder);
    if (trained) return show_adapters(folder / "adapter", o);
    std::cout << "no adapter yet: the run is not finished\n";
    return kDone;
  }
  io::Json adapters = io::Json::array();
  if (trained) {
    for (const auto& one : adapters_in(folder / "adapter")) adapters.push_back(lab::to_json(one));
  }
  std::cout << io::Json{{"run", record}, {"adapters", adapters}}.dump(2) << "\n";
  return kDone;
}

/// Adapters in folders of their own, as a run of several methods keeps them.
bool holds_adapters(const fs::path& folder) {
  if (!fs::is_directory(folder) || fs::exists(folder / "config.json")) return false;
  if (fs::exists(folder / "adapter_config.json")) return true;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "adapter_config.json")) return true;
  }
  return false;
}

int inspect(const InspectOptions& o) {
  const fs::path path = o.what;
  if (fs::exists(path / "run.json")) return show_run(path, o);
  if (holds_adapters(path)) return show_adapters(path, o);
  return show_model(lab::model_path(o.what), o);
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("inspect", "Show what a model, a run or an adapter is made of");
  auto o = std::make_shared<InspectOptions>();
  verb->add_option("what", o->what, "a model (folder, GGUF file, or name in models.json), a run's folder, or an adapter folder")->required();
  verb->add_flag("--json", o->json, "print one JSON object");
  set_example(*verb, "peftlab inspect smollm2-135m-instruct");
  verb->callback([o, &action] { action = [o] { return inspect(*o); }; });
}

}  // namespace peftlab::cli
