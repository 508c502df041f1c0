// `peftlab generate`: continues prompts.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/loaded.h"
#include "core/cli/sampling_options.h"
#include "core/cli/signals.h"
#include "core/io/json.h"

namespace peftlab::cli {
namespace {

struct GenerateOptions {
  LoadOptions load;
  std::vector<std::string> prompts, stop;
  bool chat = false, json = false;
  SamplingOptions sampling;
};

std::vector<std::string> prompts_of(const GenerateOptions& o) {
  if (!o.prompts.empty()) return o.prompts;
  std::vector<std::string> lines;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) throw ConfigError("no prompt; give --prompt, or one prompt a line on standard input");
  return lines;
}

std::vector<int64_t> ids_of(const Loaded& loaded, const data::ChatFormat* format, const std::string& prompt) {
  if (format == nullptr) return loaded.tokenizer.encode(prompt, /*add_special_tokens=*/true);
  const io::Json messages = {{{"role", "user"}, {"content", prompt}}};
  return format->encode(format->render(messages, /*add_generation_prompt=*/true)).ids;
}

int generate(const GenerateOptions& o) {
  const auto prompts = prompts_of(o);
  const auto loaded = load(o.load);
  const auto format = o.chat ? loaded.format() : nullptr;
  std::vector<std::vector<int64_t>> ids;
  for (const auto& prompt : prompts) {
    ids.push_back(ids_of(loaded, format.get(), prompt));
    if (ids.back().empty()) throw ConfigError("a prompt has no token: '" + prompt + "'");
  }
  auto options = o.sampling.options();
  options.end_ids = loaded.tokenizer.end_of_generation_ids();
  options.stop = o.stop;
  const auto& stop = stop_on_signals();
  options.cancelled = [&] { return stop.load(); };
  const bool streams = prompts.size() == 1 && !o.json;
  if (streams) options.stream = [](const std::string& piece) { std::cout << piece << std::flush; };
  const auto answers = evaluate::generate(*loaded.decoder, &loaded.tokenizer, ids, options);
  if (streams) std::cout << "\n";
  for (size_t i = 0; i < answers.size() && !streams; ++i) {
    if (o.json) {
      std::cout << io::Json{{"prompt", prompts[i]}, {"text", answers[i].text}, {"ids", answers[i].ids}, {"ended", answers[i].ended}}.dump() << "\n";
    } else {
      std::cout << prompts[i] << "\n  " << answers[i].text << "\n";
    }
  }
  return stop ? 130 : kDone;
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("generate", "Continue prompts");
  auto o = std::make_shared<GenerateOptions>();
  o->load.add_to(*verb);
  verb->add_option("--prompt", o->prompts, "text to continue; may be given several times; without it, one a line from standard input");
  verb->add_option("--stop", o->stop, "end where this text appears; may be given several times");
  verb->add_flag("--chat", o->chat, "put each prompt into the model's chat template");
  verb->add_flag("--json", o->json, "print one JSON object a line");
  o->sampling.add_to(*verb);
  set_example(*verb, "peftlab generate smollm2-135m-instruct --chat --prompt 'What is rain?'");
  verb->callback([o, &action] { action = [o] { return generate(*o); }; });
}

}  // namespace peftlab::cli
