#include "core/data/records/records.h"

#include <algorithm>

#include "core/data/records/csv.h"
#include "core/io/files.h"
#include "core/io/utf8.h"

namespace peftlab::data {
namespace {

constexpr uint64_t kFileLimitBytes = uint64_t{4} << 30;
constexpr size_t kMistakesOfAFile = 20;

std::string names_listed(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "'" : ", '") + name + "'";
  return list;
}

std::string description(const CsvRow& row) {
  std::string text = "line " + std::to_string(row.line) + ": ";
  for (const auto& field : row.fields) text += (&field == &row.fields.front() ? "" : ",") + field;
  return text;
}

/// Field name and index of every column that is wanted.
std::vector<std::pair<std::string, size_t>> wanted_columns(const Source& source, const CsvTable& table) {
  std::vector<std::pair<std::string, size_t>> wanted;
  if (source.columns.empty()) {
    for (size_t i = 0; i < table.header.size(); ++i) wanted.emplace_back(table.header[i], i);
  }
  io::Mistakes mistakes;
  for (const auto& [field, column] : source.columns) {
    const auto found = std::find(table.header.begin(), table.header.end(), column);
    if (found == table.header.end()) {
      mistakes.add(source.file.string(), "", "no column '" + column + "'; the header has " + names_listed(table.header));
    }
    wanted.emplace_back(field, static_cast<size_t>(found - table.header.begin()));
  }
  mistakes.throw_if_any();
  return wanted;
}

void read_csv_records(const Source& source, const std::string& bytes, Records& result) {
  CsvOptions options{source.delimiter, {}, source.skip_rows};
  if (source.find_header) {
    for (const auto& [field, column] : source.columns) options.find_header.push_back(column);
  }
  CsvTable table = read_csv(bytes, source.file.string(), options);
  const auto wanted = wanted_columns(source, table);
  for (const CsvRow& row : table.skipped) result.descriptions.push_back(description(row));
  result.records.reserve(table.rows.size());
  for (CsvRow& row : table.rows) {
    Record record{row.line, Json::object()};
    auto& fields = record.fields.get_ref<Json::object_t&>();
    for (const auto& [field, index] : wanted) fields.emplace_back(field, std::move(row.fields[index]));
    result.records.push_back(std::move(record));
  }
}

/// The fields the task names; all of them if it names none. A key that is absent or null stays absent.
Json chosen(const Source& source, const Json& object) {
  if (source.columns.empty()) return object;
  Json fields = Json::object();
  for (const auto& [field, key] : source.columns) {
    if (object.contains(key) && !object.at(key).is_null()) fields[field] = object.at(key);
  }
  return fields;
}

void read_json_records(const Source& source, const std::string& bytes, Records& result) {
  const io::Document document = io::parse_json(bytes, source.file.string());
  const Json::json_pointer at(source.records);
  if (!document.value.contains(at)) throw ConfigError(source.file.string() + ": nothing at '" + source.records + "'");
  const Json& list = document.value.at(at);
  if (!list.is_array()) {
    throw ConfigError(document.where(source.records) + ": " + source.records + ": expected a list of records, got " + list.type_name());
  }
  io::Mistakes mistakes;
  for (size_t i = 0; i < list.size() && mistakes.lines().size() < kMistakesOfAFile; ++i) {
    const io::Pointer pointer = io::child(source.records, i);
    if (!list[i].is_object()) mistakes.add(document.where(pointer), pointer, std::string("expected an object, got ") + list[i].type_name());
    result.records.push_back({static_cast<int64_t>(i) + 1, list[i].is_object() ? chosen(source, list[i]) : Json()});
  }
  mistakes.throw_if_any();
}

/// The mistake of one line, as parse_json tells it, with the line's place in the file.
std::string placed(const std::string& message, const std::string& name, int64_t line) {
  const std::string prefix = name + ":1:";
  const std::string place = name + ":" + std::to_string(line);
  return message.compare(0, prefix.size(), prefix) == 0 ? place + ":" + message.substr(prefix.size()) : place + ": " + message;
}

void read_jsonl_records(const Source& source, const std::string& bytes, Records& result) {
  const std::string name = source.file.string();
  std::string mistakes;
  size_t shown = 0;
  int64_t line = 1;
  for (size_t begin = 0; begin < bytes.size() && shown < kMistakesOfAFile; ++line) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string text = bytes.substr(begin, end - begin);
    begin = end + 1;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      const Json value = io::parse_json(text, name).value;
      if (!value.is_object()) throw ConfigError(name + ":1:1: expected an object, got " + value.type_name());
      result.records.push_back({line, chosen(source, value)});
    } catch (const ConfigError& error) {
      mistakes += (shown++ == 0 ? "" : "\n") + placed(error.what(), name, line);
    }
  }
  if (shown > 0) throw ConfigError(mistakes);
}

}  // namespace

Records read_records(const Source& source) {
  const std::string bytes = io::read_file(source.file, kFileLimitBytes);
  Records result;
  result.sha256 = io::sha256_hex(bytes);
  switch (source.kind) {
    case SourceKind::csv: read_csv_records(source, bytes, result); break;
    case SourceKind::json: read_json_records(source, bytes, result); break;
    case SourceKind::jsonl: read_jsonl_records(source, bytes, result); break;
  }
  if (result.records.empty()) throw ConfigError(source.file.string() + ": no record in it");
  return result;
}

const Json& field_of(const Json& fields, const std::string& name) {
  const auto found = fields.find(name);
  if (found == fields.end()) throw NoField{name};
  return *found;
}

}  // namespace peftlab::data
