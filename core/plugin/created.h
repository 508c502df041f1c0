// A method made from its options, before it meets a model.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/io/object_reader.h"
#include "core/plugin/library.h"

namespace peftlab::plugin {

struct CreatedMethod {
  MethodLibrary library;
  std::shared_ptr<Method> method;
  /// Every option with the value it has, defaults filled in; not the key "name".
  io::Json options;
  /// Where the options stand, "file:line:column: /method", or the path of an adapter folder: errors begin with it.
  std::string where;
  /// Where one option stands, "file:line:column: /method/rank"; empty where an adapter says the options.
  std::function<std::string(const std::string& option)> where_is;

  /// What the method says on the model, a mistake a line, each behind where it belongs: a line that begins with an
  /// option and
  /// ": " behind that option, others behind `where`. Each ends with the method and its library.
  std::string told(const std::string& message) const;
  std::string name() const { return library.entry->name; }
};

/// Makes the method of `library` from the object at `pointer`; its key "name" is left to the caller. Options that are wrong go
/// to `mistakes` (the method is then of no use). Throws PluginError with the library's path when its code throws anything
/// but a ConfigError.
CreatedMethod create_method(const MethodLibrary& library, const io::Document& document, const io::Pointer& pointer,
                            io::Mistakes& mistakes);

/// The options a method reads, for help and schema.
std::vector<io::Declared> declared_options(const MethodLibrary& library);

}  // namespace peftlab::plugin
