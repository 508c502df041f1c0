#include "core/io/json.h"

#include <memory>
#include <string_view>
#include <unordered_set>

#include "core/io/files.h"
#include "core/io/json_scanner.h"
#include "core/io/positions.h"

namespace peftlab::io {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Builds an ordered value. The library's own builder searches an object for each new key, which takes minutes for a
// vocabulary of 150,000 keys and lets a key given twice pass.
class Builder : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return levels_.back().keys.insert(key_).second;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    message_ = error.what();
    return false;
  }

  Json take() { return std::move(root_); }
  const std::string& message() const { return message_; }

 private:
  struct Level {
    Json* value;
    std::unordered_set<std::string> keys;
  };

  Json* put(Json value) {
    if (levels_.empty()) return &(root_ = std::move(value));
    Json& parent = *levels_.back().value;
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    auto& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(key_, std::move(value));
    return &members.back().second;
  }
  bool add(Json value) { return put(std::move(value)) != nullptr; }
  bool open(Json empty) {
    if (levels_.size() >= static_cast<std::size_t>(kMaxJsonDepth)) return false;
    levels_.push_back({put(std::move(empty)), {}});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Level> levels_;
  std::string key_;
  std::string message_;
};

std::string written(const std::string& name, Place place) {
  return name + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

[[noreturn]] void throw_broken(std::string_view text, const std::string& name, const std::string& otherwise) {
  if (const auto fault = scan_json(text)) {
    throw ConfigError(written(name, Lines(text).at(fault->offset)) + ": " + fault->message);
  }
  throw ConfigError(name + ": not JSON: " + otherwise);
}

}  // namespace

Document read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

Document parse_json(const std::string& text, const std::string& name) {
  std::string_view rest = text;
  if (rest.substr(0, kByteOrderMark.size()) == kByteOrderMark) rest.remove_prefix(kByteOrderMark.size());
  Builder builder;
  // nlohmann takes a zero byte for the end of the text, and skips a byte order mark of its own.
  const bool plain =
      rest.find('\0') == std::string_view::npos && rest.substr(0, kByteOrderMark.size()) != kByteOrderMark;
  if (!plain || !Json::sax_parse(rest.begin(), rest.end(), &builder)) throw_broken(rest, name, builder.message());
  auto positions = std::make_shared<Positions>(std::string(rest));
  return {builder.take(), [positions, name](const Pointer& pointer) { return written(name, positions->of(pointer)); }};
}

Pointer child(const Pointer& parent, const std::string& key) { return parent + "/" + escape_token(key); }

Pointer child(const Pointer& parent, std::size_t index) { return parent + "/" + std::to_string(index); }

}  // namespace peftlab::io
