#include "core/text/tokenizer/template.h"

#include "core/text/tokenizer/component.h"

namespace peftlab::text {

namespace {

int64_t checked_id(const Component& part, const nlohmann::json& value, const Vocabulary& vocabulary) {
  if (!value.is_number_integer() || !vocabulary.token_of(value.get<int64_t>()))
    part.refuse("the id " + value.dump() + " belongs to no token");
  return value.get<int64_t>();
}

// The ids behind a name in a template.
std::vector<int64_t> ids_of(const Component& part, const std::string& name, const Vocabulary& vocabulary) {
  const Component all = part.object("special_tokens");
  if (!all.has(name.c_str())) all.refuse("has no '" + name + "', which the template uses");
  const Component one = all.object(name.c_str());
  const auto ids = one.value().find("ids");
  if (ids == one.value().end() || !ids->is_array()) one.refuse("has no list 'ids'");
  std::vector<int64_t> made;
  for (const auto& id : *ids) made.push_back(checked_id(one, id, vocabulary));
  return made;
}

Surroundings of_template(const Component& part, const Vocabulary& vocabulary) {
  Surroundings made;
  bool seen = false;
  for (const Component& piece : part.parts("single", /*typed=*/false)) {
    if (piece.has("SpecialToken")) {
      const auto ids = ids_of(part, piece.object("SpecialToken").text("id"), vocabulary);
      auto& side = seen ? made.after : made.before;
      side.insert(side.end(), ids.begin(), ids.end());
      continue;
    }
    const Component text = piece.object("Sequence");
    if (text.text("id") != "A" || seen) text.refuse("expected the sequence 'A', once");
    seen = true;
  }
  if (!seen) part.refuse("'single' has no sequence 'A'");
  return made;
}

// ["[SEP]", 102]
int64_t named_id(const Component& part, const char* key, const Vocabulary& vocabulary) {
  const auto pair = part.value().find(key);
  if (pair == part.value().end() || !pair->is_array() || pair->size() != 2)
    part.refuse(std::string("'") + key + "' is not a token and its id");
  return checked_id(part, (*pair)[1], vocabulary);
}

Surroundings sequence(const Component& part, const Vocabulary& vocabulary) {
  Surroundings made;
  for (const Component& inner : part.parts("processors")) {
    const Surroundings next = make_surroundings(inner.value(), inner.where(), vocabulary);
    made.before.insert(made.before.begin(), next.before.begin(), next.before.end());
    made.after.insert(made.after.end(), next.after.begin(), next.after.end());
  }
  return made;
}

}  // namespace

Surroundings make_surroundings(const nlohmann::json& given, const std::string& where, const Vocabulary& vocabulary) {
  if (given.is_null()) return {};
  const Component part(given, where);
  const std::string& type = part.type();
  if (type == "ByteLevel") return {};
  if (type == "Sequence") return sequence(part, vocabulary);
  if (type == "TemplateProcessing") return of_template(part, vocabulary);
  if (type == "BertProcessing" || type == "RobertaProcessing")
    return {{named_id(part, "cls", vocabulary)}, {named_id(part, "sep", vocabulary)}};
  part.refuse_type("post-processor",
                   {"TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence"});
}

}  // namespace peftlab::text
