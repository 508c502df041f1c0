#include "core/plugin/created.h"

#include <sstream>

#include "core/plugin/options_state.h"

namespace peftlab::plugin {
namespace {

[[noreturn]] void fault_of(const MethodLibrary& library, const std::string& what) {
  throw PluginError(library.path.string() + ": method '" + library.entry->name + "' failed while it was created: " + what +
                    "; this is a fault of the method, not of its options");
}

// Runs the library's code: what it throws is told with its path.
std::shared_ptr<Method> made_by(const MethodLibrary& library, Options& options) {
  std::shared_ptr<Method> method;
  try {
    method = library.entry->create(options);
  } catch (const ConfigError&) {
    throw;
  } catch (const std::exception& error) {
    fault_of(library, error.what());
  } catch (...) {
    fault_of(library, "it threw something that is no std::exception");
  }
  if (method == nullptr) fault_of(library, "it returned no method");
  return method;
}

}  // namespace

std::string CreatedMethod::told(const std::string& message) const {
  std::ostringstream all;
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) {
    const auto end = line.find(": ");
    const auto option = end == std::string::npos ? std::string() : line.substr(0, end);
    const bool placed = where_is && !option.empty() && options.contains(option);
    all << (all.tellp() == 0 ? "" : "\n");
    if (placed) {
      all << where_is(option) << line.substr(end);
    } else {
      all << where << ": " << line;
    }
    all << " (method '" << name() << "' of " << library.path.string() << ")";
  }
  return all.str();
}

CreatedMethod create_method(const MethodLibrary& library, const io::Document& document, const io::Pointer& pointer,
                            io::Mistakes& mistakes) {
  CreatedMethod created{library, nullptr, io::Json::object(), document.where(pointer), {}};
  if (!pointer.empty()) created.where += ": " + pointer;
  created.where_is = [place = document.where, pointer](const std::string& option) {
    const auto at = io::child(pointer, option);
    return place(at) + ": " + at;
  };
  auto state = std::make_shared<Options::State>(document, pointer, mistakes);
  state->reader.text("name", library.entry->name, "which method");
  Options options(state);
  try {
    created.method = made_by(library, options);
    state->reader.finish();
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError& error) {
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) mistakes.add(document.where(pointer), pointer, line);
  }
  created.options = state->resolved;
  return created;
}

std::vector<io::Declared> declared_options(const MethodLibrary& library) {
  const auto document = io::parse_json("{}", library.path.string());
  io::Mistakes ignored;
  auto state = std::make_shared<Options::State>(document, "", ignored);
  Options options(state);
  try {
    made_by(library, options);
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError&) {
    // A method may need an option that the empty object lacks: what it declared before is still true.
  }
  return state->declared;
}

}  // namespace peftlab::plugin
