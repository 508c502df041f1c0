// Turns the JSON of a task file into a Task, and says what is wrong with it.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/data/task/task.h"
#include "core/io/object_reader.h"

namespace peftlab::data {

class TaskReader {
 public:
  /// REQUIRES: both outlive the reader. Mistakes are added, never thrown.
  TaskReader(const io::Document& document, io::Mistakes& mistakes);

  /// Call once. `path`, `hash` and the absolute source path are left to the caller.
  Task read();
  /// The keys of a task file, after read().
  const std::vector<io::Declared>& declared() const { return root_.declared(); }

 private:
  void read_source(Source& source);
  void read_cleaning(Cleaning& clean);
  void read_derived(std::vector<Derived>& derive);
  void read_filters(std::vector<Filter>& keep);
  void read_split(Split& split);
  void read_conversation(ConversationRule& rule);
  void read_messages(io::ObjectReader& reader, ConversationRule& rule);
  void read_roles(io::ObjectReader& reader, ConversationRule& rule);
  void read_answer(AnswerRule& answer);

  CharacterSet characters(io::ObjectReader& reader, const std::string& key, const std::string& about);
  /// An object of strings, in the order of the file.
  std::vector<std::pair<std::string, std::string>> pairs(io::ObjectReader& reader, const std::string& key,
                                                         const std::string& about);
  std::string template_text(io::ObjectReader& reader, const std::string& key, const std::string& about);
  /// Every string in `value` must be a template of known fields.
  void check_templates(const Json& value, const io::Pointer& pointer);
  /// Checks against the fields known so far, if they are known at all.
  void check_field(const std::string& field, const io::Pointer& pointer);
  void mistake(const io::Pointer& pointer, const std::string& message);

  const io::Document& document_;
  io::Mistakes& mistakes_;
  io::ObjectReader root_;
  bool fields_known_ = false;
  std::set<std::string> fields_;
};

}  // namespace peftlab::data
