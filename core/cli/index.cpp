// `peftlab index`: an SQLite file that tells what the run folders hold.
#include <iostream>

#include "core/cli/commands.h"
#include "core/study/index.h"

namespace peftlab::cli {
namespace {

struct IndexOptions {
  std::vector<std::string> folders = {"runs"};
  bool rebuild = false;
};

constexpr size_t kListed = 20;  // of each kind; the index has all

void list(const std::string& what, const std::vector<std::string>& lines) {
  for (size_t i = 0; i < std::min(lines.size(), kListed); ++i) std::cout << "  " << what << lines[i] << "\n";
  if (lines.size() > kListed) std::cout << "  " << what << lines.size() - kListed << " more\n";
}

int index_all(const IndexOptions& o) {
  for (const auto& folder : o.folders) {
    const auto report = study::update_index(folder, o.rebuild);
    std::cout << report.file.string() << ": " << report.num_runs << (report.num_runs == 1 ? " run, " : " runs, ")
              << report.added.size() << " added, " << report.changed.size() << " changed, " << report.removed.size()
              << " removed, " << report.damaged.size() << " damaged\n";
    if (!report.rebuilt.empty()) std::cout << "  made anew: " << report.rebuilt << "\n";
    list("added    ", report.added);
    list("changed  ", report.changed);
    list("removed  ", report.removed);
    list("damaged  ", report.damaged);
    list("twice    ", report.repeated);
  }
  return kDone;
}

}  // namespace

void add_index(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("index", "Bring the SQLite index of run folders up to what they hold");
  auto o = std::make_shared<IndexOptions>();
  verb->add_option("folders", o->folders, "folders that hold runs")->capture_default_str();
  verb->add_flag("--rebuild", o->rebuild, "read every record again");
  set_example(*verb, "peftlab index runs && sqlite3 runs/.index.sqlite 'SELECT name, seed, score FROM runs'");
  verb->callback([o, &action] { action = [o] { return index_all(*o); }; });
}

}  // namespace peftlab::cli
