#include "core/check/adapter_trip.h"

#include "core/plugin/adapter_folder.h"
#include "core/plugin/json_value.h"
#include "core/plugin/peft_config.h"

namespace peftlab::check {
namespace {

constexpr char kAdapterPlace[] = "the adapter";

std::optional<Fields> options_of(const plugin::MethodLibrary& library, const Fields& config) {
  if (const auto own = plugin::own_method(config)) {
    const Value* options = config.find("options");
    if (*own != library.entry->name || options == nullptr) return std::nullopt;
    return options->fields();
  }
  return library.entry->options_from_peft == nullptr ? std::nullopt : library.entry->options_from_peft(config);
}

}  // namespace

Adapter as_from_a_file(const Adapter& adapter) {
  const auto document = io::parse_json(plugin::to_json(adapter.config).dump(), kAdapterPlace);
  return {plugin::to_fields(document.value), adapter.tensors};
}

bool reads_its_own(const plugin::MethodLibrary& library, const Adapter& adapter) {
  return options_of(library, adapter.config).has_value();
}

plugin::CreatedMethod created_from(const plugin::MethodLibrary& library, const Adapter& adapter) {
  const auto options = options_of(library, adapter.config);
  if (!options) return plugin::create_from_adapter(adapter, kAdapterPlace);
  const io::Document document{plugin::to_json(*options), [](const io::Pointer&) { return std::string(kAdapterPlace); }};
  io::Mistakes mistakes;
  auto created = plugin::create_method(library, document, "", mistakes);
  mistakes.throw_if_any();
  return created;
}

std::vector<std::string> others_that_read(const plugin::MethodLibrary& library, const Adapter& adapter) {
  std::vector<std::string> others;
  if (plugin::own_method(adapter.config)) return others;
  for (const auto& other : plugin::list_methods().found) {
    if (other.entry == library.entry || std::string(other.entry->name) == library.entry->name) continue;
    try {
      if (options_of(other, adapter.config)) others.push_back(other.entry->name);
    } catch (const ConfigError&) {
      // It knows the kind and refuses a field: not a reader of this adapter.
    }
  }
  return others;
}

bool takes_foreign_adapters(const plugin::MethodLibrary& library) {
  Fields config;
  config.set("peft_type", "NO_METHOD_OF_THIS_NAME");
  return options_of(library, config).has_value();
}

}  // namespace peftlab::check
