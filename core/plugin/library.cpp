#include "core/plugin/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "core/io/json.h"
#include "core/io/sha256.h"
#include "core/plugin/elf_check.h"
#include "core/plugin/linker_message.h"

namespace peftlab::plugin {
namespace {

namespace fs = std::filesystem;
namespace dll = boost::dll;

constexpr const char* kSymbol = "peftlab_method";
constexpr const char* kSuffix = ".so";

std::string stem_of(const fs::path& path) { return path.stem().string(); }

// Names go into file names and, in capitals, into the peft_type of adapters.
bool is_method_name(const std::string& name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

// The folder of the shared library this code is in.
fs::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  return fs::canonical(info.dli_fname, error).parent_path();
}

fs::path program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

std::vector<fs::path> places_given() {
  std::vector<fs::path> places;
  const char* given = std::getenv("PEFTLAB_METHODS");
  std::string rest = given == nullptr ? "" : given;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    if (end > 0) places.emplace_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return places;
}

// The libraries of one place, sorted; what is wrong with the place goes to `refused`.
std::vector<fs::path> libraries_in(const fs::path& place, std::vector<RefusedLibrary>& refused) {
  std::error_code error;
  if (!fs::is_directory(place, error)) {
    if (fs::exists(place, error)) return {place};
    refused.push_back({place, "no such folder or library (from PEFTLAB_METHODS)"});
    return {};
  }
  std::vector<fs::path> libraries;
  for (auto it = fs::directory_iterator(place, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    if (it->path().extension() == kSuffix) libraries.push_back(it->path());
  }
  if (error) refused.push_back({place, "the folder cannot be read: " + error.message()});
  std::sort(libraries.begin(), libraries.end());
  return libraries;
}

[[noreturn]] void refuse(const fs::path& path, const std::string& reason) { throw PluginError(path.string() + ": " + reason); }

const MethodEntry* entry_of(const fs::path& path, dll::shared_library& library) {
  try {
    library.load(fs::absolute(path).string(), dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  } catch (const std::exception& error) {  // the overload with an error code keeps the number and loses the linker's words
    refuse(path, linker_reason(error.what(), stem_of(path)));
  }
  if (!library.has(kSymbol)) {
    refuse(path, std::string("not a peftlab method: it has no symbol '") + kSymbol +
                     "'; end its source file with PEFTLAB_METHOD(...)");
  }
  const MethodEntry& entry = library.get<const MethodEntry>(kSymbol);
  if (entry.name == nullptr || entry.title == nullptr || entry.paper == nullptr || entry.create == nullptr) {
    refuse(path, "its entry lacks a name, a title, a paper or a create function; end its source file with PEFTLAB_METHOD(...)");
  }
  if (!is_method_name(entry.name)) {
    refuse(path, std::string("holds the method '") + entry.name + "'; a name has lower-case letters, digits and underscores only");
  }
  if (stem_of(path) != entry.name) {
    refuse(path, std::string("holds the method '") + entry.name + "'; a library is named as its method: rename it to " +
                     entry.name + kSuffix);
  }
  return &entry;
}

// Loaded libraries by canonical path. Never destroyed, and so nothing is ever unloaded.
struct Loaded {
  std::mutex mutex;
  std::map<std::string, MethodLibrary> methods;
  std::vector<dll::shared_library> handles;
};

Loaded& loaded() {
  static auto* const the_loaded = new Loaded;
  return *the_loaded;
}

}  // namespace

std::vector<fs::path> method_places() {
  auto places = places_given();
  const auto library = own_folder();
  const auto program = program_folder();
  for (const auto& folder : {library / "peftlab" / "methods", library / "methods", library.parent_path() / "methods",
                             program / "methods", program.parent_path() / "lib" / "peftlab" / "methods"}) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) continue;
    if (std::find(places.begin(), places.end(), folder) == places.end()) places.push_back(folder);
  }
  return places;
}

MethodLibrary load_method(const fs::path& path) {
  if (auto fault = library_fault(path); !fault.empty()) refuse(path, fault);
  const auto key = fs::canonical(path).string();
  auto& all = loaded();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.methods.find(key); found != all.methods.end()) return found->second;
  dll::shared_library library;
  MethodLibrary method{entry_of(path, library), path, io::sha256_file(path)};
  all.handles.push_back(std::move(library));
  return all.methods.emplace(key, std::move(method)).first->second;
}

MethodLibrary find_method(const std::string& name) {
  if (name.find('/') != std::string::npos) return load_method(name);
  std::vector<RefusedLibrary> refused;
  for (const auto& place : method_places()) {
    for (const auto& path : libraries_in(place, refused)) {
      if (stem_of(path) == name) return load_method(path);
    }
  }
  std::string message = "no method '" + name + "'";
  const auto names = method_names();
  if (const auto near = io::nearest(name, names); !near.empty()) message += "; did you mean '" + near + "'?";
  message += names.empty() ? "; no methods were found" : "; there are";
  for (const auto& other : names) message += (&other == &names.front() ? " " : ", ") + other;
  message += "; looked in";
  const auto places = method_places();
  for (const auto& place : places) message += (&place == &places.front() ? " " : ", ") + place.string();
  throw ConfigError(message + (places.empty() ? " no folder: PEFTLAB_METHODS names others" : "; PEFTLAB_METHODS names more folders"));
}

std::vector<std::string> method_names() {
  std::set<std::string> names;
  std::vector<RefusedLibrary> refused;
  for (const auto& place : method_places()) {
    for (const auto& path : libraries_in(place, refused)) names.insert(stem_of(path));
  }
  return {names.begin(), names.end()};
}

MethodList list_methods() {
  MethodList list;
  std::map<std::string, fs::path> first;
  for (const auto& place : method_places()) {
    for (const auto& path : libraries_in(place, list.refused)) {
      const auto [known, is_new] = first.emplace(stem_of(path), path);
      if (!is_new) {
        list.refused.push_back({path, "hidden by " + known->second.string() + ", which is found first"});
        continue;
      }
      try {
        list.found.push_back(load_method(path));
      } catch (const PluginError& error) {
        const std::string prefix = path.string() + ": ";
        list.refused.push_back({path, std::string(error.what()).substr(prefix.size())});
      }
    }
  }
  std::sort(list.found.begin(), list.found.end(),
            [](const auto& a, const auto& b) { return std::string(a.entry->name) < b.entry->name; });
  std::sort(list.refused.begin(), list.refused.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return list;
}

}  // namespace peftlab::plugin
