#include "core/data/conversation.h"

#include "core/data/metric.h"
#include "core/data/records/placeholders.h"
#include "core/data/records/records.h"

namespace peftlab::data {
namespace {

/// Why a record makes no conversation.
struct Unusable {
  std::string reason;
};

void add(Conversation& conversation, Json message, bool trained) {
  conversation.messages.push_back(std::move(message));
  conversation.trained.push_back(trained);
}

void add(Conversation& conversation, const std::string& role, std::string content) {
  add(conversation, Json{{"role", role}, {"content", std::move(content)}}, role == "assistant");
}

void add_filled(const ConversationRule& rule, const Json& fields, Conversation& conversation) {
  const Lookup lookup = [&](const std::string& name) -> const Json& { return field_of(fields, name); };
  for (const MessageTemplate& message : rule.fill) {
    add(conversation, message.role,
        message.content.is_string() ? fill(message.content.get_ref<const std::string&>(), lookup)
                                    : dump_like_python(fill_json(message.content, lookup)));
  }
}

/// The text of a message; a list of {"type": "text", "text" or "value": …} is joined.
std::string content_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_null()) return "";
  if (!content.is_array()) throw Unusable{"a message's content is neither text nor a list of texts"};
  std::string text;
  for (const Json& part : content) {
    if (!part.is_object() || part.value("type", "text") != "text") throw Unusable{"a message holds something else than text"};
    const Json& piece = part.contains("text") ? part.at("text") : field_of(part, "value");
    if (!piece.is_string()) throw Unusable{"a message holds something else than text"};
    text += piece.get_ref<const std::string&>();
  }
  return text;
}

std::string role_of(const ConversationRule& rule, const Json& entry) {
  const Json& word = field_of(entry, rule.role_key);
  if (!word.is_string()) throw Unusable{"a message's '" + rule.role_key + "' is not text"};
  const auto& text = word.get_ref<const std::string&>();
  const auto found = rule.roles.find(text);
  if (found != rule.roles.end()) return found->second;
  if (text == "system" || text == "user" || text == "assistant" || text == "tool") return text;
  throw Unusable{"unknown role '" + text + "'; name it in /conversation/roles"};
}

bool is_trained(const Json& entry, const std::string& role) {
  if (role != "assistant") return false;
  if (!entry.contains("loss_weight")) return true;
  const Json& weight = entry.at("loss_weight");
  if (!weight.is_number() || (weight.get<double>() != 0 && weight.get<double>() != 1)) {
    throw Unusable{"a message's 'loss_weight' is neither 0 nor 1"};
  }
  return weight.get<double>() == 1;
}

void add_messages(const ConversationRule& rule, const Json& fields, Conversation& conversation) {
  const Json& list = field_of(fields, rule.field);
  if (!list.is_array()) throw Unusable{"field '" + rule.field + "' is not a list of messages"};
  for (const Json& entry : list) {
    if (!entry.is_object()) throw Unusable{"a message is not an object"};
    const std::string role = role_of(rule, entry);
    Json message = {{"role", role}, {"content", ""}};
    if (entry.contains(rule.content_key)) message["content"] = content_of(entry.at(rule.content_key));
    else if (!entry.contains("tool_calls")) throw Unusable{"a message has no '" + rule.content_key + "'"};
    for (const char* key : {"tool_calls", "tool_call_id", "name"}) {
      if (entry.contains(key)) message[key] = entry.at(key);
    }
    add(conversation, std::move(message), is_trained(entry, role));
  }
}

void add_instruction(const Json& fields, Conversation& conversation) {
  std::string prompt = text_of(field_of(fields, "instruction"));
  const std::string input = fields.contains("input") ? text_of(fields.at("input")) : "";
  if (!input.empty()) prompt += "\n\n" + input;
  add(conversation, "user", std::move(prompt));
  add(conversation, "assistant", text_of(field_of(fields, "output")));
}

void check(const Task& task, const Conversation& conversation) {
  if (conversation.messages.empty()) throw Unusable{"no messages"};
  if (conversation.messages.back().at("role") != "assistant") throw Unusable{"the last message is not the assistant's"};
  if (conversation.messages.size() == 1) throw Unusable{"nothing is asked: the answer is the only message"};
  bool any = false;
  for (const bool trained : conversation.trained) any = any || trained;
  if (!any) throw Unusable{"no message is trained on"};
  const std::string& reference = conversation.reference();
  if (reference.empty() && !conversation.messages.back().contains("tool_calls")) throw Unusable{"the answer is empty"};
  if (!needs_generation(task.answer.metric)) return;
  if (read_answer(task.answer, reference) != stripped(reference)) throw Unusable{"a stop string stands inside the reference answer"};
  if (task.answer.json && !Json::accept(reference)) throw Unusable{"the reference answer is not JSON"};
}

}  // namespace

const std::string& Conversation::reference() const { return messages.back().at("content").get_ref<const std::string&>(); }

Json Conversation::input() const {
  Json all = messages;
  all.erase(all.size() - 1);
  return all;
}

ConversationOrReason make_conversation(const Task& task, int64_t row, const Json& fields) {
  const ConversationRule& rule = task.conversation;
  Conversation conversation{row, Json::array(), {}};
  try {
    if (!rule.system.empty()) add(conversation, "system", rule.system);
    switch (rule.kind) {
      case ConversationKind::fill: add_filled(rule, fields, conversation); break;
      case ConversationKind::messages: add_messages(rule, fields, conversation); break;
      case ConversationKind::prompt_completion:
        add(conversation, "user", text_of(field_of(fields, "prompt")));
        add(conversation, "assistant", text_of(field_of(fields, "completion")));
        break;
      case ConversationKind::instruction: add_instruction(fields, conversation); break;
    }
    check(task, conversation);
    return {std::move(conversation), ""};
  } catch (const NoField& absent) {
    return {std::nullopt, "no field '" + absent.name + "'"};
  } catch (const Unusable& unusable) {
    return {std::nullopt, unusable.reason};
  }
}

}  // namespace peftlab::data
