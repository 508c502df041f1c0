#include "core/lab/method_set.h"

#include <algorithm>
#include <optional>

#include "core/lab/exact_bases.h"
#include "core/lab/gguf_adapter.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

plugin::DecoderPoints::Encode encoder(const text::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return {};
  return [tokenizer](const std::string& text) { return tokenizer->encode(text, /*add_special_tokens=*/true); };
}

/// Nothing where there is no such method: that is a mistake, too.
std::optional<plugin::CreatedMethod> create(const MethodChoice& choice, const io::Document& document,
                                            io::Mistakes& mistakes) {
  try {
    return plugin::create_method(plugin::find_method(choice.name), document, choice.pointer, mistakes);
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError& error) {
    mistakes.add(document.where(choice.pointer + "/name"), choice.pointer + "/name", error.what());
    return std::nullopt;
  }
}

}  // namespace

std::vector<plugin::CreatedMethod> create_methods(Experiment& experiment) {
  io::Mistakes mistakes;
  std::vector<plugin::CreatedMethod> all;
  for (auto& choice : experiment.methods) {
    auto created = create(choice, experiment.document, mistakes);
    if (!created) continue;
    choice.options = created->options;
    all.push_back(std::move(*created));
  }
  mistakes.throw_if_any();
  return all;
}

void add_method_mistakes(const Experiment& experiment, io::Mistakes& mistakes) {
  for (const auto& choice : experiment.methods) {
    if (choice.name.empty()) continue;
    try {
      create(choice, experiment.document, mistakes);
    } catch (const PluginError&) {
      // A broken library is no mistake of the file's; it is told when the file has none.
    }
  }
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
