// What stands behind include/peftlab/options.h.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/io/object_reader.h"
#include "peftlab/options.h"

namespace peftlab {

struct Options::State {
  /// REQUIRES: `document` and `mistakes` outlive the state.
  State(const io::Document& document, const io::Pointer& pointer, io::Mistakes& mistakes)
      : reader(document, pointer, mistakes) {}

  io::ObjectReader reader;
  /// Every key with the value it has, defaults filled in: reading these again gives the same method.
  io::Json resolved = io::Json::object();
  /// The declared keys, in the order of reading.
  std::vector<io::Declared> declared;

  /// Takes over what the reader declared last, with `type` where the reader has no word for it.
  void declare(const std::string& key, io::Json value, const std::string& type = "");

 private:
  std::set<std::string> seen_;
};

}  // namespace peftlab
