#include "core/lab/method_set.h"

#include <algorithm>

#include "core/lab/exact_bases.h"
#include "core/lab/gguf_adapter.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

plugin::DecoderPoints::Encode encoder(const text::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return {};
  return [tokenizer](const std::string& text) { return tokenizer->encode(text, /*add_special_tokens=*/true); };
}

}  // namespace

std::vector<plugin::CreatedMethod> create_methods(Experiment& experiment) {
  io::Mistakes mistakes;
  std::vector<plugin::CreatedMethod> created;
  for (auto& choice : experiment.methods) {
    try {
      created.push_back(plugin::create_method(plugin::find_method(choice.name), experiment.document, choice.pointer, mistakes));
      choice.options = created.back().options;
    } catch (const PluginError&) {
      throw;
    } catch (const ConfigError& error) {
      mistakes.add(experiment.document.where(choice.pointer + "/name"), choice.pointer + "/name", error.what());
    }
  }
  mistakes.throw_if_any();
  return created;
}

std::vector<plugin::AttachedMethod*> MethodSet::pointers() const {
  std::vector<plugin::AttachedMethod*> all;
  for (const auto& method : methods) all.push_back(method.get());
  return all;
}

int64_t MethodSet::num_trainable() const {
  int64_t count = 0;
  for (const auto& method : methods) count += method->num_trainable();
  return count;
}

void note_shared_parameters(model::Decoder& decoder, const MethodSet& set) {
  decoder.shared_parameters.clear();
  for (const auto& method : set.methods) {
    for (const auto& tensor : method->method().parameters()) decoder.shared_parameters.push_back(tensor);
  }
}

MethodSet attach_methods(model::Decoder& decoder, std::vector<plugin::CreatedMethod> created, uint64_t seed,
                         const text::Tokenizer* tokenizer) {
  MethodSet set;
  set.points = std::make_unique<plugin::DecoderPoints>(decoder, seed, encoder(tokenizer));
  for (auto& method : created) set.methods.push_back(std::make_unique<plugin::AttachedMethod>(std::move(method), *set.points));
  note_shared_parameters(decoder, set);
  return set;
}

std::vector<fs::path> adapter_folders(const fs::path& folder) {
  if (fs::exists(folder / "adapter_config.json") || is_gguf_adapter(folder)) return {folder};
  std::vector<fs::path> folders;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (fs::exists(entry.path() / "adapter_config.json")) folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  if (folders.empty()) {
    throw ConfigError(folder.string() + ": no adapter here; expected a folder with adapter_config.json and adapter_model.safetensors, or a GGUF file");
  }
  return folders;
}

MethodSet attach_adapter(model::Decoder& decoder, const fs::path& folder, const text::Tokenizer* tokenizer) {
  MethodSet set;
  set.points = std::make_unique<plugin::DecoderPoints>(decoder, /*seed=*/0, encoder(tokenizer));
  for (const auto& path : adapter_folders(folder)) {
    const Adapter adapter = read_adapter(path, decoder.spec());
    auto created = plugin::create_from_adapter(adapter, path.string());
    set.methods.push_back(std::make_unique<plugin::AttachedMethod>(std::move(created), *set.points, &adapter));
    set.methods.back()->train(false);
  }
  note_shared_parameters(decoder, set);
  return set;
}

void write_adapters(const MethodSet& set, const fs::path& folder, const plugin::BaseModel& base,
                    const model::WeightSource& source) {
  const auto write = [&](const plugin::AttachedMethod& method, const fs::path& place) {
    auto adapter = method.adapter(base.name);
    restore_exact_bases(adapter, source);
    plugin::write_adapter(place, adapter, base);
  };
  if (set.methods.size() == 1) return write(*set.methods[0], folder);
  fs::create_directories(folder);
  for (size_t i = 0; i < set.methods.size(); ++i) {
    write(*set.methods[i], folder / (std::to_string(i) + "-" + set.methods[i]->name()));
  }
}

}  // namespace peftlab::lab
