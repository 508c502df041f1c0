// `peftlab chat`: a conversation on the terminal.
#include <unistd.h>

#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/loaded.h"
#include "core/cli/sampling_options.h"
#include "core/cli/signals.h"
#include "core/io/json.h"

namespace peftlab::cli {
namespace {

struct ChatOptions {
  LoadOptions load;
  std::string system;
  SamplingOptions sampling;
};

constexpr char kHelp[] = "Type a message and Enter. Ctrl-C stops an answer; an empty line, Ctrl-D or /quit ends; /new begins anew.\n";

/// Answers the messages, streaming; what was said before Ctrl-C counts as the answer.
std::string answer(const Loaded& loaded, const data::ChatFormat& format, const io::Json& messages, const ChatOptions& o) {
  auto options = o.sampling.options();
  options.end_ids = format.ends();
  const auto& stop = stop_on_signals();
  options.cancelled = [&] { return stop.load(); };
  options.stream = [](const std::string& piece) { std::cout << piece << std::flush; };
  const auto ids = format.encode(format.render(messages, /*add_generation_prompt=*/true)).ids;
  const auto text = evaluate::generate(*loaded.decoder, &loaded.tokenizer, {ids}, options).front().text;
  std::cout << (stop ? " [stopped]" : "") << "\n";
  forget_interrupt();
  return text;
}

io::Json first_messages(const std::string& system) {
  io::Json messages = io::Json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  return messages;
}

/// The next line that the user types; false at the end. Ctrl-C begins the line anew.
bool read_message(bool terminal, std::string& line) {
  if (!terminal) return static_cast<bool>(std::getline(std::cin, line));
  const auto& stop = stop_on_signals();
  for (;;) {
    std::cout << "> " << std::flush;
    if (wait_for_input(STDIN_FILENO)) return static_cast<bool>(std::getline(std::cin, line));
    forget_interrupt();
    if (stop) return false;
    std::cout << "\nCtrl-D or /quit ends.\n";
  }
}

int chat(const ChatOptions& o) {
  const auto loaded = load(o.load);
  const auto format = loaded.format();
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::cout << loaded.title << "\n" << kHelp;
  io::Json messages = first_messages(o.system);
  std::string line;
  while (read_message(terminal, line)) {
    if (line.empty() || line == "/quit") break;
    if (line == "/new") {
      messages = first_messages(o.system);
      continue;
    }
    messages.push_back({{"role", "user"}, {"content", line}});
    messages.push_back({{"role", "assistant"}, {"content", answer(loaded, *format, messages, o)}});
  }
  return kDone;
}

}  // namespace

void add_chat(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("chat", "Talk with a tuned or base model");
  auto o = std::make_shared<ChatOptions>();
  o->load.add_to(*verb);
  verb->add_option("--system", o->system, "system message");
  o->sampling.add_to(*verb);
  set_example(*verb, "peftlab chat runs/roads_lora/seed0-1a2b3c4d");
  verb->callback([o, &action] { action = [o] { return chat(*o); }; });
}

}  // namespace peftlab::cli
