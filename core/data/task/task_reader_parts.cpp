#include <algorithm>

#include "core/data/records/placeholders.h"
#include "core/data/task/task_reader.h"

namespace peftlab::data {
namespace {

const std::vector<std::string> kRoles = {"system", "user", "assistant", "tool"};

std::string one_of_roles() { return "expected one of 'system', 'user', 'assistant', 'tool'"; }

bool is_role(const std::string& role) { return std::find(kRoles.begin(), kRoles.end(), role) != kRoles.end(); }

}  // namespace

void TaskReader::read_conversation(ConversationRule& rule) {
  auto reader = root_.object("conversation", "how a record becomes messages", /*required=*/true);
  const std::string kind = reader.choice("kind", "fill", {"fill", "messages", "prompt_completion", "instruction"},
                                         "fill: 'messages' here are templates; messages: the record holds a list of them; "
                                         "prompt_completion, instruction (instruction, input, output): by these fields");
  rule.kind = kind == "messages"            ? ConversationKind::messages
              : kind == "prompt_completion" ? ConversationKind::prompt_completion
              : kind == "instruction"       ? ConversationKind::instruction
                                            : ConversationKind::fill;
  rule.system = reader.text("system", "", "a system message put before the others");
  read_messages(reader, rule);
  read_roles(reader, rule);
  if (rule.kind == ConversationKind::prompt_completion) {
    for (const char* field : {"prompt", "completion"}) check_field(field, reader.pointer());
  }
  if (rule.kind == ConversationKind::instruction) {
    for (const char* field : {"instruction", "output"}) check_field(field, reader.pointer());
  }
}

void TaskReader::read_messages(io::ObjectReader& reader, ConversationRule& rule) {
  for (auto& message : reader.objects("messages", "fill: the messages, the last of them the assistant's")) {
    MessageTemplate one;
    one.role = message.choice("role", std::nullopt, kRoles, "who speaks");
    one.content = message.any("content", "a template, or a JSON value whose strings are templates");
    if (one.content.is_null()) message.mistake("content", "missing, expected a template or a JSON value");
    check_templates(one.content, io::child(message.pointer(), "content"));
    rule.fill.push_back(std::move(one));
  }
  const bool fills = rule.kind == ConversationKind::fill;
  if (!fills && !rule.fill.empty()) reader.mistake("messages", "only the kind 'fill' has it");
  if (fills && (rule.fill.empty() || rule.fill.back().role != "assistant")) {
    reader.mistake(reader.has("messages") ? "messages" : "", "the last message must be the assistant's: it is what is learnt");
  }
}

void TaskReader::read_roles(io::ObjectReader& reader, ConversationRule& rule) {
  rule.field = reader.text("field", "messages", "messages: the field that holds the list");
  rule.role_key = reader.text("role_key", "role", "messages: the key that says who speaks");
  rule.content_key = reader.text("content_key", "content", "messages: the key that holds the text");
  for (const auto& [word, role] : pairs(reader, "roles", "messages: the record's word: system, user, assistant or tool")) {
    if (!is_role(role)) {
      mistake(io::child(io::child(reader.pointer(), "roles"), word), one_of_roles() + ", got '" + role + "'");
    }
    rule.roles[word] = role;
  }
  if (rule.kind == ConversationKind::messages) {
    check_field(rule.field, io::child(reader.pointer(), "field"));
    return;
  }
  for (const char* key : {"field", "role_key", "content_key", "roles"}) {
    if (reader.has(key)) reader.mistake(key, "only the kind 'messages' has it");
  }
}

CharacterSet TaskReader::characters(io::ObjectReader& parent, const std::string& key, const std::string& about) {
  auto reader = parent.object(key, about);
  CharacterSet set;
  for (const auto& category : reader.texts("categories", std::vector<std::string>(),
                                           "Unicode general categories: \"Co\", or \"C\" for all of them")) {
    const uint32_t bits = category_bits(category);
    if (bits == 0) reader.mistake("categories", "'" + category + "' is no Unicode general category, such as \"Co\"");
    set.categories |= bits;
  }
  for (const char32_t c : to_characters(reader.text("characters", "", "characters, one behind the other"))) set.characters.insert(c);
  for (const char32_t c : to_characters(reader.text("except", "", "characters that are not meant"))) set.except.insert(c);
  if (set.empty() && !set.except.empty()) reader.mistake("except", "takes characters out of nothing; give 'categories' or 'characters'");
  return set;
}

std::vector<std::pair<std::string, std::string>> TaskReader::pairs(io::ObjectReader& reader, const std::string& key,
                                                                   const std::string& about) {
  const Json value = reader.any(key, about);
  std::vector<std::pair<std::string, std::string>> result;
  if (value.is_null()) return result;
  if (!value.is_object()) {
    reader.mistake(key, "expected an object of strings");
    return result;
  }
  for (const auto& [name, text] : value.items()) {
    if (text.is_string()) {
      result.emplace_back(name, text.get<std::string>());
    } else {
      mistake(io::child(io::child(reader.pointer(), key), name), "expected a string");
    }
  }
  return result;
}

std::string TaskReader::template_text(io::ObjectReader& reader, const std::string& key, const std::string& about) {
  std::string text = reader.text(key, "", about);
  check_templates(text, io::child(reader.pointer(), key));
  return text;
}

void TaskReader::check_templates(const Json& value, const io::Pointer& pointer) {
  if (value.is_structured()) {
    for (const auto& [key, inner] : value.items()) check_templates(inner, io::child(pointer, key));
    return;
  }
  if (!value.is_string()) return;
  const auto& text = value.get_ref<const std::string&>();
  const std::string wrong = template_mistake(text);
  if (!wrong.empty()) return mistake(pointer, wrong);
  for (const auto& field : placeholders_of(text)) check_field(field, pointer);
}

void TaskReader::check_field(const std::string& field, const io::Pointer& pointer) {
  if (!fields_known_ || fields_.count(field) > 0) return;
  std::vector<std::string> known(fields_.begin(), fields_.end());
  std::string message = "no field '" + field + "'";
  const std::string near = io::nearest(field, known);
  if (!near.empty()) {
    message += "; did you mean '" + near + "'?";
  } else {
    message += "; the fields here are ";
    for (const auto& name : known) message += (name == known.front() ? "'" : ", '") + name + "'";
  }
  mistake(pointer, message);
}

}  // namespace peftlab::data
