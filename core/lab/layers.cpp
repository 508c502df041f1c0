#include "core/lab/layers.h"

#include <memory>
#include <set>
#include <utility>

#include "core/io/object_reader.h"
#include "core/io/utf8.h"
#include "core/lab/merged_document.h"

namespace peftlab::lab {

namespace fs = std::filesystem;
using io::Document;
using io::Json;
using io::Pointer;

namespace {

[[noreturn]] void fail(const Document& document, const std::string& message) {
  io::Mistakes mistakes;
  mistakes.add(document.where("/extends"), "/extends", message);
  mistakes.throw_if_any();
  throw ConfigError(message);
}

struct File {
  fs::path path;
  Document document;
};

// What a file extends, or "".
fs::path extended(const File& file) {
  io::Mistakes mistakes;
  io::ObjectReader reader(file.document, "", mistakes);
  const std::string base = reader.text("extends", "", "the experiment this one changes, relative to this file");
  mistakes.throw_if_any();
  return base.empty() ? fs::path() : (file.path.parent_path() / base).lexically_normal();
}

std::string arrows(const std::vector<File>& files, const fs::path& last) {
  std::string chain;
  for (const auto& file : files) chain += file.path.filename().string() + " -> ";
  return chain + last.filename().string();
}

// The file and what it extends, the file first.
std::vector<File> read_chain(const fs::path& path) {
  std::vector<File> files;
  std::set<fs::path> seen;
  for (fs::path next = path; !next.empty();) {
    std::error_code error;
    if (!files.empty() && !fs::is_regular_file(next, error))
      fail(files.back().document, "no such file: " + next.string());
    if (!seen.insert(fs::weakly_canonical(next)).second) {
      fail(files.back().document, "comes back to itself: " + arrows(files, next) + "; one of them must stand alone");
    }
    files.push_back({next, io::read_json(next)});
    next = extended(files.back());
  }
  return files;
}

Json value_of(const Override& override_) {
  try {
    return io::parse_json(override_.value, "--set").value;
  } catch (const ConfigError&) {
    return override_.value;
  }
}

}  // namespace

Override parse_override(const std::string& text) {
  const auto equals = text.find('=');
  if (text.empty() || text[0] != '/' || equals == std::string::npos) {
    throw ConfigError("--set " + text + ": expected a pointer and a value, as in /train/learning_rate=1e-3");
  }
  if (!io::is_utf8(text)) throw ConfigError("--set " + text.substr(0, equals) + ": the value is not UTF-8");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Layers read_layers(const fs::path& file, const std::vector<Override>& overrides, io::Mistakes& mistakes) {
  auto merged = std::make_shared<MergedDocument>();
  auto files = read_chain(file);
  for (auto it = files.rbegin(); it != files.rend(); ++it) {
    it->document.value.erase("extends");
    merged->add({it->document.where, fs::absolute(it->path).parent_path()}, it->document.value);
  }
  std::vector<Pointer> given;
  for (const auto& one : overrides) {
    if (!value_of(one).is_null()) given.push_back(one.pointer);
  }
  merged->begin_values(given);
  for (const auto& one : overrides) {
    const std::string place = "--set " + one.pointer;
    if (one.pointer == "/extends") {
      mistakes.add(place, "", "cannot be set; write it into the file");
      continue;
    }
    const auto wrong =
        merged->set({[place](const Pointer&) { return place; }, fs::current_path()}, one.pointer, value_of(one));
    if (!wrong.empty()) mistakes.add(place, "", wrong);
  }
  return {{merged->value(), [merged](const Pointer& pointer) { return merged->source(pointer).where(pointer); }},
          [merged](const Pointer& pointer) { return merged->source(pointer).folder; }};
}

}  // namespace peftlab::lab
