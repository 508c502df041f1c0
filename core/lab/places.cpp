#include "core/lab/places.h"

#include <unistd.h>

#include <cstdlib>

#include "core/io/json.h"
#include "core/lab/child_process.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

fs::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fs::path() : fs::absolute(value);
}

/// The folder that holds experiments/ and scripts/: the checkout, or share/peftlab of an installed prefix.
fs::path root_folder() {
  if (const auto root = from_environment("PEFTLAB_ROOT"); !root.empty()) return root;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const char* way : {"../share/peftlab", "../../..", "../.."}) {
    const fs::path candidate = (program.parent_path() / way).lexically_normal();
    if (fs::exists(candidate / "experiments" / "models.json", error)) return candidate;
  }
  return {};
}

io::Json read_list(const std::string& list) {
  const fs::path file = experiments_folder() / list;
  if (!fs::exists(file)) throw ConfigError(file.string() + ": no such list; set PEFTLAB_EXPERIMENTS to the folder that has it");
  return io::read_json(file).value;
}

/// An entry's file where it lies in the cache in its size, else nothing: fetch.py has checked what it placed, so that
/// nothing is to be done. Names and entries of another form are left to fetch.py, which says what is wrong with them.
fs::path placed(const std::string& list, const std::string& name, const io::Json& entry) {
  const auto text = [&](const char* key) {
    return entry.is_object() && entry.contains(key) && entry.at(key).is_string() ? entry.at(key).get<std::string>()
                                                                                 : "";
  };
  const auto member = fs::path(text("member")).filename(), version = fs::path(text("sha256").substr(0, 8));
  const bool plain =
      name.find('/') == std::string::npos && version.string().size() == 8 && version.filename() == version;
  if (!plain || member.empty() || member == ".." || !entry.contains("bytes")) return {};
  const fs::path file = cache_folder() / fs::path(list).stem() / name / version / member;
  std::error_code error;
  return fs::is_regular_file(file, error) && io::Json(fs::file_size(file, error)) == entry.at("bytes") ? file
                                                                                                       : fs::path();
}

}  // namespace

fs::path cache_folder() {
  if (const auto home = from_environment("PEFTLAB_HOME"); !home.empty()) return home;
  if (const auto cache = from_environment("XDG_CACHE_HOME"); !cache.empty()) return cache / "peftlab";
  const auto home = from_environment("HOME");
  if (!home.empty() && access(home.c_str(), W_OK) == 0) return home / ".cache" / "peftlab";
  const fs::path root = root_folder();
  return (root.empty() ? fs::temp_directory_path() : root) / ".peftlab";
}

fs::path experiments_folder() {
  if (const auto folder = from_environment("PEFTLAB_EXPERIMENTS"); !folder.empty()) return folder;
  const fs::path root = root_folder();
  return root.empty() ? root : root / "experiments";
}

bool is_listed(const std::string& list, const std::string& name) {
  return fs::exists(experiments_folder() / list) && read_list(list).contains(name);
}

fs::path fetch(const std::string& list, const std::string& name) {
  const io::Json entries = read_list(list);
  if (!entries.contains(name)) {
    std::vector<std::string> known;
    for (const auto& [key, value] : entries.items()) known.push_back(key);
    const std::string near = io::nearest(name, known);
    throw ConfigError((experiments_folder() / list).string() + ": has no '" + name + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  if (const auto file = placed(list, name, entries.at(name)); !file.empty()) return file;
  const char* python = std::getenv("PEFTLAB_PYTHON");
  const fs::path script = root_folder() / "scripts" / "fetch.py";
  const auto child = run_child({python == nullptr ? "python3" : python, script.string(), (experiments_folder() / list).string(), name});
  const std::string path = child.output.substr(0, child.output.find('\n'));
  if (child.status != 0 || path.empty()) throw RunError("cannot get '" + name + "' of " + list + "; the lines above say why");
  return path;
}

fs::path model_path(const std::string& name_or_path) {
  if (fs::exists(name_or_path)) return fs::absolute(name_or_path);
  if (is_listed("models.json", name_or_path)) return fetch("models.json", name_or_path);
  throw ConfigError(name_or_path + ": no such model; expected a Hugging Face folder, a .gguf file, or a name listed in " +
                    (experiments_folder() / "models.json").string());
}

}  // namespace peftlab::lab
