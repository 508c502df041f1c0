// `peftlab tokenize` and `peftlab render`: the text side of a model, from standard input.
#include <iostream>
#include <iterator>

#include "core/cli/commands.h"
#include "core/data/model_chat_format.h"
#include "core/io/json.h"
#include "core/lab/loaded_model.h"
#include "core/lab/places.h"

namespace peftlab::cli {
namespace {

std::string standard_input() { return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()}; }

struct TokenizeOptions {
  std::string model;
  bool special = false, lines = false, decode = false;
};

io::Json tokens_json(const text::Tokenizer& tokenizer, const std::string& text, bool special) {
  io::Json tokens = io::Json::array();
  const auto ids = tokenizer.encode(text, special);
  for (int64_t id : ids) tokens.push_back(tokenizer.token_of(id));
  return {{"ids", ids}, {"tokens", tokens}};
}

int tokenize(const TokenizeOptions& o) {
  const auto tokenizer = lab::load_tokenizer(lab::model_path(o.model));
  if (o.decode) {
    const auto given = io::parse_json(standard_input(), "standard input").value;
    const auto ids = (given.is_object() ? given.value("ids", io::Json::array()) : given);
    if (!ids.is_array()) throw ConfigError("standard input: expected a JSON list of token ids, or an object with 'ids'");
    std::cout << io::Json{{"text", tokenizer.decode(ids.get<std::vector<int64_t>>(), /*skip_special=*/false)}}.dump() << "\n";
    return kDone;
  }
  if (!o.lines) {
    std::cout << tokens_json(tokenizer, standard_input(), o.special).dump() << "\n";
    return kDone;
  }
  for (std::string line; std::getline(std::cin, line);) std::cout << tokens_json(tokenizer, line, o.special).dump() << "\n";
  return kDone;
}

struct RenderOptions {
  std::string model;
  bool generation_prompt = false, json = false;
};

int render(const RenderOptions& o) {
  const auto path = lab::model_path(o.model);
  const auto tokenizer = lab::load_tokenizer(path);
  const auto format = data::make_chat_format(tokenizer, path.string());
  auto given = io::parse_json(standard_input(), "standard input").value;
  if (given.is_object() && given.contains("messages")) given = io::Json(given.at("messages"));
  if (!given.is_array()) throw ConfigError("standard input: expected a JSON list of messages, [{\"role\": \"user\", \"content\": \"…\"}]");
  const auto text = format->render(given, o.generation_prompt);
  if (o.json) {
    std::cout << io::Json{{"text", text}, {"ids", format->encode(text).ids}}.dump() << "\n";
  } else {
    std::cout << text;
  }
  return kDone;
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("tokenize", "Turn text from standard input into token ids, as JSON");
  auto o = std::make_shared<TokenizeOptions>();
  verb->add_option("model", o->model, "Hugging Face folder, GGUF file, or name in models.json")->required();
  verb->add_flag("--special", o->special, "with the special tokens the tokenizer puts around a text");
  verb->add_flag("--lines", o->lines, "each line apart");
  verb->add_flag("--decode", o->decode, "the other way: a JSON list of ids into text");
  set_example(*verb, "echo 臺北市 | peftlab tokenize smollm2-135m-instruct");
  verb->callback([o, &action] { action = [o] { return tokenize(*o); }; });
}

void add_render(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("render", "Put messages from standard input (JSON) into the model's chat template");
  auto o = std::make_shared<RenderOptions>();
  verb->add_option("model", o->model, "Hugging Face folder, GGUF file, or name in models.json")->required();
  verb->add_flag("--generation-prompt", o->generation_prompt, "with the beginning of the answer");
  verb->add_flag("--json", o->json, "print text and ids as JSON");
  set_example(*verb, R"(echo '[{"role": "user", "content": "Hello"}]' | peftlab render smollm2-135m-instruct)");
  verb->callback([o, &action] { action = [o] { return render(*o); }; });
}

}  // namespace peftlab::cli
