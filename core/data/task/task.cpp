#include "core/data/task/task.h"

#include "core/data/task/task_reader.h"
#include "core/io/sha256.h"

namespace peftlab::data {
namespace {

/// What decides the examples: where the file lies and what it is about do not.
std::string hash_of(Json value) {
  value.erase("about");
  value.erase("$schema");
  if (value.contains("source") && value["source"].is_object()) {
    value["source"].erase("file");
    value["source"].erase("dataset");
  }
  return io::sha256_hex(value.dump());
}

}  // namespace

Task read_task(const io::Document& document, const std::filesystem::path& path, const std::filesystem::path& file) {
  io::Mistakes mistakes;
  TaskReader reader(document, mistakes);
  Task task = reader.read();
  task.path = path;
  if (!file.empty()) {
    task.source.file = file;
    task.source.dataset.clear();
  } else if (!task.source.file.empty() && task.source.file.is_relative()) {
    task.source.file = path.parent_path() / task.source.file;
  }
  const auto& from = task.source.file;
  if (!from.empty() && !std::filesystem::is_regular_file(from)) {
    const bool given = !file.empty();
    mistakes.add(given ? from.string() : document.where("/source/file"), given ? "" : "/source/file",
                 given ? "no such file" : "no such file: '" + from.string() + "'; put it there, or name another place");
  }
  mistakes.throw_if_any();
  task.hash = hash_of(document.value);
  return task;
}

Task load_task(const std::filesystem::path& path, const std::filesystem::path& file) {
  return read_task(io::read_json(path), path, file);
}

Json task_schema() {
  // One entry in each list, so that what it holds is declared too.
  const Json sample = {{"derive", Json::array({Json::object()})},
                       {"keep", Json::array({Json::object()})},
                       {"conversation", {{"messages", Json::array({Json::object()})}}}};
  const io::Document document{sample, [](const io::Pointer&) { return std::string("schema"); }};
  io::Mistakes ignored;
  TaskReader reader(document, ignored);
  reader.read();
  Json schema = io::schema_of(reader.declared());
  schema["title"] = "peftlab task";
  return schema;
}

}  // namespace peftlab::data
