#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/io/json.h"
#include "core/io/safetensors.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

namespace fs = std::filesystem;

constexpr char kSingleName[] = "model.safetensors";
constexpr char kIndexName[] = "model.safetensors.index.json";

bool is_pickle_name(const fs::path& path) {
  static constexpr std::array<const char*, 6> kEndings = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"};
  return std::find(kEndings.begin(), kEndings.end(), path.extension().string()) != kEndings.end();
}

[[noreturn]] void refuse_pickle(const fs::path& path) {
  throw ConfigError(
      path.string() + ": is a pickle, which runs code when it is loaded and is never read; convert it where you " +
      "trust it: load the model with transformers and call save_pretrained(folder, safe_serialization=True)");
}

[[noreturn]] void refuse_folder(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    found.push_back(it->path());
  std::sort(found.begin(), found.end());
  for (const fs::path& path : found) {
    if (is_pickle_name(path)) refuse_pickle(path);
  }
  throw ConfigError(folder.string() + ": has neither " + kSingleName + " nor " + kIndexName);
}

bool is_plain_name(const std::string& file) {
  return file.find('/') == std::string::npos && file.find('\\') == std::string::npos &&
         file.find('\0') == std::string::npos && file != "." && file != ".." && !file.empty();
}

/// The map of an index: tensor to file. Names that lead out of the folder are mistakes; `files` gets the others.
std::map<std::string, std::string> read_index(const fs::path& path, std::set<std::string>& files) {
  const Document index = read_json(path);
  Mistakes mistakes;
  if (!index.value.is_object() || !index.value.contains("weight_map") || !index.value["weight_map"].is_object()) {
    throw ConfigError(path.string() + ": expected an object 'weight_map' of tensor names and files");
  }
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : index.value["weight_map"].items()) {
    const std::string where = path.string();
    if (!file.is_string()) {
      mistakes.add(where, "/weight_map",
                   "tensor '" + tensor + "': expected the name of a file, got " + file.type_name());
    } else if (const std::string name = file.get<std::string>(); !is_plain_name(name)) {
      mistakes.add(where, "/weight_map", "tensor '" + tensor + "': '" + name + "' is no file of this folder");
    } else if (is_pickle_name(name)) {
      refuse_pickle(path.parent_path() / name);
    } else {
      map[tensor] = name;
      files.insert(name);
    }
  }
  mistakes.throw_if_any();
  if (map.empty()) throw ConfigError(path.string() + ": its weight_map is empty");
  return map;
}

}  // namespace

SafetensorsSet::SafetensorsSet(const fs::path& path) : path_(path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    if (fs::exists(path / kSingleName, ignored)) add_file(path / kSingleName);
    else if (fs::exists(path / kIndexName, ignored)) open_index(path / kIndexName);
    else refuse_folder(path);
  } else if (is_pickle_name(path)) {
    refuse_pickle(path);
  } else if (path.extension() == ".json") {
    open_index(path);
  } else {
    add_file(path);
  }
}

void SafetensorsSet::add_file(const fs::path& file) { files_.emplace_back(file); }

void SafetensorsSet::open_index(const fs::path& index) {
  std::set<std::string> files;
  const std::map<std::string, std::string> map = read_index(index, files);
  Mistakes mistakes;
  std::map<std::string, size_t> opened;
  for (const std::string& file : files) {
    opened[file] = files_.size();
    add_file(index.parent_path() / file);
    for (const TensorView& tensor : files_.back().tensors()) {
      const auto mapped = map.find(tensor.name);
      if (mapped == map.end()) {
        mistakes.add(files_.back().path().string(), "", "tensor '" + tensor.name + "' is not in the index");
      } else if (mapped->second != file) {
        mistakes.add(files_.back().path().string(), "",
                     "tensor '" + tensor.name + "': the index gives it to " + mapped->second);
      }
    }
  }
  for (const auto& [tensor, file] : map) {
    if (files_[opened[file]].find(tensor) == nullptr) {
      mistakes.add(index.string(), "/weight_map", "tensor '" + tensor + "' is not in " + file);
    }
  }
  mistakes.throw_if_any();
}

std::vector<std::string> SafetensorsSet::names() const {
  std::vector<std::string> names;
  for (const SafetensorsFile& file : files_) {
    for (const TensorView& tensor : file.tensors()) names.push_back(tensor.name);
  }
  return names;
}

const TensorView* SafetensorsSet::find(const std::string& name) const {
  for (const SafetensorsFile& file : files_) {
    if (const TensorView* tensor = file.find(name)) return tensor;
  }
  return nullptr;
}

const TensorView& SafetensorsSet::at(const std::string& name) const {
  const TensorView* tensor = find(name);
  if (tensor != nullptr) return *tensor;
  const std::string near = nearest(name, names());
  throw ConfigError(path_.string() + ": has no tensor '" + name + "'" +
                    (near.empty() ? "" : "; the nearest is '" + near + "'"));
}

}  // namespace peftlab::io
