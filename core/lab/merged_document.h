// A JSON document merged from layers, each value of which remembers the layer that gave it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/io/json.h"

namespace peftlab::lab {

/// Where a layer's values stand, and the folder its relative paths are relative to.
struct Source {
  std::function<std::string(const io::Pointer&)> where;
  std::filesystem::path folder;
};

/// Layers change what earlier ones said by the rules of read_layers() in layers.h.
class MergedDocument {
 public:
  /// Merges an object.
  void add(Source source, io::Json value);

  /// Tells which values set() will give one by one: together they are one layer. REQUIRES: called before set().
  void begin_values(const std::vector<io::Pointer>& pointers);

  /// Sets one value. Returns what is wrong with the pointer, or "".
  std::string set(Source source, const io::Pointer& pointer, const io::Json& value);

  const io::Json& value() const { return value_; }

  /// The layer that gave the value at `pointer`, or the nearest value above it. REQUIRES: there is a layer.
  const Source& source(io::Pointer pointer) const;

 private:
  void drop_alternatives(const std::function<bool(const io::Pointer&)>& given);
  void drop(const io::Pointer& pointer);
  void forget(const io::Pointer& pointer);
  void mark(const io::Pointer& pointer, const io::Json& value);
  void put(const io::Pointer& pointer, io::Json& target, const io::Json& value);
  void merge(const io::Pointer& pointer, io::Json& target, const io::Json& value);

  io::Json value_ = io::Json::object();
  std::vector<Source> sources_;
  std::map<io::Pointer, std::size_t> origin_;  // the layer that gave a value
};

}  // namespace peftlab::lab
