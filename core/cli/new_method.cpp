// `peftlab new-method`: a project that a new method begins as.
#include <iostream>

#include "core/cli/commands.h"
#include "core/lab/method_project.h"

namespace peftlab::cli {
namespace {

struct NewMethodOptions {
  std::string name, folder;
};

int make(const NewMethodOptions& o) {
  const std::string folder = o.folder.empty() ? o.name : o.folder;
  for (const auto& file : lab::write_method_project(o.name, folder)) std::cout << folder << "/" << file << "\n";
  std::cout << "next:\n"
            << "  cd " << folder << "\n"
            << "  cmake -B build && cmake --build build\n"
            << "  peftlab check build/" << o.name << ".so\n";
  return kDone;
}

}  // namespace

void add_new_method(CLI::App& app, Action& action) {
  auto* verb =
      app.add_subcommand("new-method", "Write a small project for a method of your own, which works as it stands");
  auto o = std::make_shared<NewMethodOptions>();
  verb->add_option("name", o->name, "small letters, digits and '_'; the method's name")->required();
  verb->add_option("folder", o->folder, "the folder to make; default: the name");
  set_example(*verb, "peftlab new-method my_method");
  verb->callback([o, &action] { action = [o] { return make(*o); }; });
}

}  // namespace peftlab::cli
