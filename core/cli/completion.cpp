// `peftlab completion`: verbs and options for the shell's Tab key, taken from the parser itself.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "core/cli/commands.h"

namespace peftlab::cli {
namespace {

struct OptionWord {
  std::string name, about;  // "--dtype"
  bool takes_value = false;
};

struct Verb {
  std::string name, about;
  std::vector<OptionWord> options;
  std::vector<std::string> values;  // of the positional argument, where only certain words will do
};

/// A description as one line that needs no quoting within single quotes.
std::string plain(std::string text) {
  std::erase_if(text, [](char c) { return c == '\'' || c == '\\'; });
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '[' || c == ']' || c == ':'; }, ' ');
  return text;
}

/// The words of CLI::IsMember, which shows them as "TEXT:{a,b}".
std::vector<std::string> members(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{'), close = type.rfind('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos || close < open) return words;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    Verb verb{sub->get_name(), plain(sub->get_description()), {}, {}};
    for (const auto* option : sub->get_options()) {
      if (option->get_positional()) {
        for (const auto& word : members(*option)) verb.values.push_back(word);
      }
      for (const auto& name : option->get_lnames()) {
        verb.options.push_back({std::string("--").append(name), plain(option->get_description()), option->get_type_size() > 0});
      }
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

template <class List, class Word>
std::string joined_by(const List& list, Word word) {
  std::string text;
  for (const auto& item : list) {
    if (!text.empty()) text += ' ';
    text += word(item);
  }
  return text;
}

std::string words_of(const Verb& verb) {
  const std::string values = joined_by(verb.values, [](const std::string& value) { return value; });
  std::string words = joined_by(verb.options, [](const OptionWord& option) { return option.name; });
  if (!values.empty()) words.append(" ").append(values);
  return words;
}

void print_bash(const std::vector<Verb>& verbs) {
  std::cout << "# peftlab completion bash > /etc/bash_completion.d/peftlab\n_peftlab() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} words=''\n  case \"$COMP_CWORD:${COMP_WORDS[1]}\" in\n    1:*) words='--help --version "
            << joined_by(verbs, [](const Verb& verb) { return verb.name; }) << "' ;;\n";
  for (const auto& verb : verbs) std::cout << "    *:" << verb.name << ") words='" << words_of(verb) << "' ;;\n";
  std::cout << "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
               "complete -o default -F _peftlab peftlab ./peftlab\n";
}

void print_zsh(const std::vector<Verb>& verbs) {
  std::cout << "#compdef peftlab\n# peftlab completion zsh > \"${fpath[1]}/_peftlab\"\n_peftlab() {\n"
               "  if (( CURRENT == 2 )); then\n    local -a verbs=(\n";
  for (const auto& verb : verbs) std::cout << "      '" << verb.name << ":" << verb.about << "'\n";
  std::cout << "    )\n    _describe verb verbs\n    return\n  fi\n  local verb=${words[2]}\n  shift words\n  (( CURRENT-- ))\n  case $verb in\n";
  for (const auto& verb : verbs) {
    std::cout << "    " << verb.name << ") _arguments";
    for (const auto& option : verb.options) {
      std::cout << " \\\n      '*" << option.name << "[" << option.about << "]" << (option.takes_value ? ":value:_files" : "") << "'";
    }
    const std::string values = joined_by(verb.values, [](const std::string& value) { return value; });
    std::cout << " \\\n      '*:argument:" << (values.empty() ? "_files" : "(" + values + ")") << "' ;;\n";
  }
  std::cout << "  esac\n}\ncompdef _peftlab peftlab\n";
}

void print_fish(const std::vector<Verb>& verbs) {
  std::cout << "# peftlab completion fish > ~/.config/fish/completions/peftlab.fish\n";
  for (const auto& verb : verbs) {
    std::cout << "complete -c peftlab -n __fish_use_subcommand -f -a " << verb.name << " -d '" << verb.about << "'\n";
    const std::string here = "complete -c peftlab -n '__fish_seen_subcommand_from " + verb.name + "'";
    for (const auto& option : verb.options) {
      std::cout << here << " -l " << option.name.substr(2) << (option.takes_value ? " -r" : "") << " -d '" << option.about << "'\n";
    }
    const std::string values = joined_by(verb.values, [](const std::string& value) { return value; });
    if (!values.empty()) std::cout << here << " -f -a '" << values << "'\n";
  }
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("completion", "Print what lets a shell complete verbs and options");
  auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  set_example(*verb, "source <(peftlab completion bash)");
  verb->callback([shell, &app, &action] {
    action = [shell, &app] {
      const auto verbs = verbs_of(app);
      if (*shell == "bash") print_bash(verbs);
      if (*shell == "zsh") print_zsh(verbs);
      if (*shell == "fish") print_fish(verbs);
      return kDone;
    };
  });
}

}  // namespace peftlab::cli
