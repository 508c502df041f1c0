#include "core/plugin/adapter_folder.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/io/folder_writer.h"
#include "core/plugin/json_value.h"
#include "core/plugin/peft_config.h"
#include "core/plugin/tensor_file.h"

namespace peftlab::plugin {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigName = "adapter_config.json";
constexpr const char* kTensorsName = "adapter_model.safetensors";
constexpr const char* kPickleName = "adapter_model.bin";
constexpr const char* kBaseKey = "base_model";  // of the manifest's "about"

std::string type_of(const Adapter& adapter) {
  const Value* type = adapter.config.find("peft_type");
  return type != nullptr && type->is_text() ? "'" + type->text() + "'" : "none";
}

struct Claim {
  MethodLibrary library;
  Fields options;
};

// Asks one library; what it says against the adapter goes to `reasons`.
void ask(const MethodLibrary& library, const Adapter& adapter, std::vector<Claim>& claims, std::vector<std::string>& reasons) {
  if (library.entry->options_from_peft == nullptr) return;
  const std::string who = "method '" + std::string(library.entry->name) + "': ";
  try {
    if (auto options = library.entry->options_from_peft(adapter.config)) claims.push_back({library, std::move(*options)});
  } catch (const ConfigError& error) {
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) reasons.push_back(who + line);
  } catch (const std::exception& error) {
    reasons.push_back(who + "failed: " + error.what() + " (" + library.path.string() + ")");
  }
}

[[noreturn]] void refuse_unclaimed(const Adapter& adapter, const std::string& where, const std::vector<std::string>& reasons,
                                   const MethodList& list) {
  io::Mistakes mistakes;
  for (const auto& reason : reasons) mistakes.add(where, "", reason);
  if (reasons.empty()) {
    std::string asked;
    for (const auto& library : list.found) {
      if (library.entry->options_from_peft != nullptr) asked += (asked.empty() ? "" : ", ") + std::string(library.entry->name);
    }
    mistakes.add(where, "", "peft_type " + type_of(adapter) + ": no method reads it; asked " + (asked.empty() ? "none" : asked));
    for (const auto& refused : list.refused) mistakes.add(refused.path.string(), "", "was not asked: " + refused.reason);
  }
  mistakes.throw_if_any();
  throw ConfigError(where);
}

Claim claimed(const Adapter& adapter, const std::string& where) {
  const auto list = list_methods();
  std::vector<Claim> claims;
  std::vector<std::string> reasons;
  for (const auto& library : list.found) ask(library, adapter, claims, reasons);
  if (claims.empty()) refuse_unclaimed(adapter, where, reasons, list);
  if (claims.size() > 1) {
    std::string names;
    for (const auto& claim : claims) names += (names.empty() ? "" : ", ") + claim.library.path.string();
    throw ConfigError(where + ": peft_type " + type_of(adapter) + ": several methods read it, expected one: " + names);
  }
  return std::move(claims.front());
}

Claim own_claim(const std::string& method, const Adapter& adapter, const std::string& where) {
  const Value* options = adapter.config.find("options");
  if (options == nullptr || !options->is_fields()) {
    throw ConfigError(where + ": peft_type " + type_of(adapter) + " without the object 'options' that goes with it");
  }
  try {
    return {find_method(method), options->fields()};
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError& error) {
    throw ConfigError(where + ": peft_type " + type_of(adapter) + ": " + error.what());
  }
}

}  // namespace

Adapter read_adapter(const fs::path& folder) {
  Adapter adapter;
  const auto document = io::read_json(folder / kConfigName);
  if (!document.value.is_object()) throw ConfigError(document.where("") + ": expected an object");
  adapter.config = to_fields(document.value);
  if (!fs::exists(folder / kTensorsName) && fs::exists(folder / kPickleName)) {
    throw ConfigError((folder / kPickleName).string() +
                      ": a pickle, which runs code when it is read, is refused; load the adapter in PEFT and save it with "
                      "save_pretrained(..., safe_serialization=True)");
  }
  adapter.tensors = read_tensors(folder / kTensorsName);
  return adapter;
}

void write_adapter(const fs::path& folder, const Adapter& adapter, const std::optional<BaseModel>& base) {
  io::FolderWriter writer(folder);
  const nlohmann::json sorted = to_json(adapter.config);
  writer.add(kConfigName, sorted.dump(2));
  write_tensors(writer.folder() / kTensorsName, adapter.tensors);
  io::Json about = io::Json::object();
  if (base) about[kBaseKey] = {{"name", base->name}, {"sha256", base->sha256}};
  writer.commit(about);
}

std::optional<BaseModel> trained_on(const fs::path& folder) {
  if (!fs::exists(folder / io::kManifestName)) return std::nullopt;
  const auto document = io::read_json(folder / io::kManifestName);
  const auto about = io::manifest_about(document.value);
  if (!about.is_object() || !about.contains(kBaseKey)) return std::nullopt;
  const auto& base = about.at(kBaseKey);
  if (base.is_object() && base.contains("name") && base.at("name").is_string() && base.contains("sha256") &&
      base.at("sha256").is_string()) {
    return BaseModel{base.at("name"), base.at("sha256")};
  }
  throw ConfigError(document.where("/about/base_model") +
                    ": /about/base_model: expected an object with the texts \"name\" and \"sha256\", got " +
                    io::shown(base));
}

CreatedMethod create_from_adapter(const Adapter& adapter, const std::string& where) {
  const auto own = own_method(adapter.config);
  const auto claim = own ? own_claim(*own, adapter, where) : claimed(adapter, where);
  const io::Document document{to_json(claim.options), [where](const io::Pointer&) { return where; }};
  io::Mistakes mistakes;
  auto created = create_method(claim.library, document, "", mistakes);
  mistakes.throw_if_any();
  created.where = where;
  created.where_is = {};
  return created;
}

}  // namespace peftlab::plugin
