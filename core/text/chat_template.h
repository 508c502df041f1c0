// Chat templates: the Jinja programs that turn a conversation into the text a model was trained on, rendered as
// transformers renders them (its apply_chat_template with tokenize=False).
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/json.h"

namespace peftlab::text {

using Json = io::Json;

/// The special tokens a template may name; one that the tokenizer lacks is undefined in the template.
struct SpecialTokens {
  std::optional<std::string> bos = {}, eos = {}, unk = {}, pad = {};
  std::map<std::string, std::string> others = {};  // by variable name: "sep_token" …
};

/// What stops a template that would never end or would fill the memory.
struct RenderLimits {
  size_t max_steps = 20'000'000;        // evaluated nodes and elements touched
  size_t max_output_bytes = 64u << 20;  // of the text, and of any string or list on the way
};

struct RenderOptions {
  bool add_generation_prompt = false;
  Json tools = nullptr;                                           // list of JSON schemas; null: none
  Json documents = nullptr;                                       // list of objects; null: none
  std::map<std::string, Json> variables = {};                     // further variables: "enable_thinking" …
  std::optional<std::chrono::system_clock::time_point> now = {};  // what strftime_now sees; default: the clock
  RenderLimits limits = {};
};

/// Bytes [begin, end) of a rendered text.
struct TextSpan {
  size_t begin = 0, end = 0;
};

struct Rendered {
  std::string text;
  std::vector<TextSpan> generated;  // what stood between {% generation %} and {% endgeneration %}, in order
};

/// A parsed template. Copyable, cheap to copy; const calls are safe from several threads.
class ChatTemplate {
 public:
  /// Throws ConfigError "<name>:<line>: …" for broken syntax and for a construct, filter or test that is not
  /// supported, by its name. `name` stands where a file name would in messages.
  explicit ChatTemplate(std::string source, SpecialTokens tokens = {}, std::string name = "chat template");

  /// `messages` is a list of {"role", "content", …}. Throws ConfigError "<name>:<line>: …" when the template refuses
  /// the conversation (raise_exception), uses what is undefined, or runs into a limit.
  std::string render(const Json& messages, const RenderOptions& options = {}) const;

  /// The same text with the spans that the template marks as generated. Throws ConfigError also when such a mark
  /// stands in captured text (a macro, a set block), where its place in the output is unknown.
  Rendered render_with_spans(const Json& messages, const RenderOptions& options = {}) const;

  /// Whether the source has {% generation %} marks at all.
  bool marks_generation() const;

  /// SHA-256, in hex, of the source and of the special tokens: of all that a template itself brings to the text.
  std::string hash() const;
  const std::string& source() const;
  const SpecialTokens& special_tokens() const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace peftlab::text
