#include "core/text/chat_template.h"

#include "core/io/sha256.h"
#include "core/io/utf8.h"
#include "core/text/jinja/evaluator.h"
#include "core/text/jinja/parser.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

ConfigError at_line(const std::string& name, int line, const std::string& message) {
  return ConfigError(name + ":" + std::to_string(line) + ": " + message);
}

/// The names under which a message's reasoning comes; templates read the first, some the second.
constexpr const char* kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

/// As transformers does: reasoning given under any of its names is given under the two that templates read.
Json with_reasoning_names(const Json& message) {
  for (const char* name : kReasoning) {
    if (!message.is_object() || !message.contains(name) || message[name].is_null()) continue;
    Json copy = Json::object();
    copy["thinking"] = message[name];
    for (const auto& [key, value] : message.items()) copy[key] = value;
    copy["reasoning_content"] = message[name];
    return copy;
  }
  return message;
}

Json conversation(const Json& messages, const std::string& name) {
  if (!messages.is_array())
    throw ConfigError(name + ": messages must be a list of objects, got " + std::string(messages.type_name()));
  Json result = Json::array();
  for (const auto& message : messages) {
    if (!message.is_object())
      throw ConfigError(name + ": a message must be an object, got " + std::string(message.type_name()));
    result.push_back(with_reasoning_names(message));
  }
  return result;
}

}  // namespace

struct ChatTemplate::Program {
  std::string source, name;
  SpecialTokens tokens;
  jinja::Template parsed;

  void set_variables(jinja::Evaluator& evaluator, const Json& messages, const RenderOptions& options) const {
    const auto set = [&](const std::string& variable, const Json& value) {
      evaluator.set(variable, jinja::Value::from_json(value));
    };
    const std::pair<const char*, const std::optional<std::string>*> named[] = {
        {"bos_token", &tokens.bos}, {"eos_token", &tokens.eos}, {"unk_token", &tokens.unk}, {"pad_token", &tokens.pad}};
    for (const auto& [variable, token] : named)
      if (*token) set(variable, **token);
    for (const auto& [variable, token] : tokens.others) set(variable, token);
    for (const auto& [variable, value] : options.variables) set(variable, value);
    set("messages", conversation(messages, name));
    set("tools", options.tools);
    set("documents", options.documents);
    set("add_generation_prompt", options.add_generation_prompt);
  }

  /// `lost`: a generation mark stood where its place in the text is not known.
  Rendered run(const Json& messages, const RenderOptions& options, bool& lost) const {
    const auto now = options.now.value_or(std::chrono::system_clock::now());
    jinja::Evaluator evaluator({jinja::Budget(options.limits.max_steps, options.limits.max_output_bytes), now});
    Rendered rendered;
    try {
      set_variables(evaluator, messages, options);
      rendered.text = evaluator.render(parsed.body);
    } catch (const jinja::Failure& failure) {
      throw at_line(name, evaluator.line(), failure.what());
    }
    for (const auto& [begin, end] : evaluator.generated()) rendered.generated.push_back({begin, end});
    lost = evaluator.lost_generated();
    return rendered;
  }
};

ChatTemplate::ChatTemplate(std::string source, SpecialTokens tokens, std::string name) {
  auto program = std::make_shared<Program>();
  program->source = std::move(source);
  program->tokens = std::move(tokens);
  program->name = std::move(name);
  if (io::first_invalid_utf8(program->source) != std::string::npos)
    throw ConfigError(program->name + ": the template is not UTF-8 at byte " +
                      std::to_string(io::first_invalid_utf8(program->source)));
  try {
    program->parsed = jinja::parse(program->source);
  } catch (const jinja::SyntaxError& error) {
    throw at_line(program->name, error.line, error.message);
  }
  program_ = std::move(program);
}

std::string ChatTemplate::render(const Json& messages, const RenderOptions& options) const {
  bool lost = false;
  return program_->run(messages, options, lost).text;
}

Rendered ChatTemplate::render_with_spans(const Json& messages, const RenderOptions& options) const {
  bool lost = false;
  Rendered rendered = program_->run(messages, options, lost);
  if (lost)
    throw ConfigError(program_->name +
                      ": a generation block stands in a macro or a captured text, where its place in the "
                      "result is not known; train on answers without these marks, or change the template");
  return rendered;
}

bool ChatTemplate::marks_generation() const { return program_->parsed.marks_generation; }

std::string ChatTemplate::hash() const {
  const SpecialTokens& tokens = program_->tokens;
  Json all = {{"source", program_->source}};
  const auto put = [&](const std::string& name, const std::optional<std::string>& token) {
    if (token) all["tokens"][name] = *token;
  };
  put("bos_token", tokens.bos);
  put("eos_token", tokens.eos);
  put("unk_token", tokens.unk);
  put("pad_token", tokens.pad);
  for (const auto& [name, token] : tokens.others) put(name, token);
  return io::sha256_hex(all.dump(-1, ' ', true, Json::error_handler_t::replace));
}

const std::string& ChatTemplate::source() const { return program_->source; }
const SpecialTokens& ChatTemplate::special_tokens() const { return program_->tokens; }

}  // namespace peftlab::text
