#include "core/train/checkpoint.h"

#include <algorithm>
#include <cstdio>

#include "core/io/files.h"
#include "core/io/folder_writer.h"
#include "core/plugin/tensor_file.h"

namespace peftlab::train {
namespace {

namespace fs = std::filesystem;

constexpr char kMethods[] = "methods.safetensors";
constexpr char kOptimizer[] = "optimizer.safetensors";

Tensors methods_state(const std::vector<plugin::AttachedMethod*>& methods) {
  Tensors all;
  for (size_t i = 0; i < methods.size(); ++i) {
    for (const auto& [name, tensor] : methods[i]->state()) all[std::to_string(i) + "." + name] = tensor.detach().cpu();
  }
  return all;
}

void load_methods_state(const Tensors& all, const std::vector<plugin::AttachedMethod*>& methods) {
  for (size_t i = 0; i < methods.size(); ++i) {
    const std::string prefix = std::to_string(i) + ".";
    Tensors mine;
    for (const auto& [name, tensor] : all) {
      if (name.starts_with(prefix)) mine[name.substr(prefix.size())] = tensor;
    }
    methods[i]->load_state(mine);
  }
}

}  // namespace

Checkpoints::Checkpoints(fs::path folder, std::string identity) : folder_(std::move(folder)), identity_(std::move(identity)) {
  if (!enabled()) return;
  fs::create_directories(folder_);
  io::remove_leftovers(folder_);
}

fs::path Checkpoints::path_of(int64_t step) const {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return folder_ / name;
}

std::vector<int64_t> Checkpoints::steps() const {
  std::vector<int64_t> steps;
  if (!enabled()) return steps;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    long long step = 0;
    int used = 0;
    if (std::sscanf(name.c_str(), "step-%lld%n", &step, &used) == 1 && used == static_cast<int>(name.size())) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path Checkpoints::save(const std::vector<plugin::AttachedMethod*>& methods, const Updater& updater, const Progress& progress) const {
  io::FolderWriter writer(path_of(progress.step));
  plugin::write_tensors(writer.folder() / kMethods, methods_state(methods));
  plugin::write_tensors(writer.folder() / kOptimizer, updater.state());
  writer.commit({{"identity", identity_}, {"progress", progress.to_json()}});
  return path_of(progress.step);
}

std::optional<Progress> Checkpoints::resume(const std::vector<plugin::AttachedMethod*>& methods, Updater& updater,
                                            std::vector<std::string>& notes) const {
  auto steps = this->steps();
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const fs::path path = path_of(*step);
    io::Json about;
    try {
      about = io::verify_folder(path);
    } catch (const ConfigError& error) {
      notes.push_back("checkpoint " + path.filename().string() + " is damaged and left out: " + error.what());
      continue;
    }
    if (about.value("identity", "") != identity_) {
      throw ConfigError(path.string() + ": is a checkpoint of another run (its experiment, data or model differ); give another "
                        "--out folder or remove this one");
    }
    const Progress progress = Progress::from_json(about.at("progress"), path.string());
    load_methods_state(plugin::read_tensors(path / kMethods), methods);
    updater.load_state(plugin::read_tensors(path / kOptimizer));
    return progress;
  }
  return std::nullopt;
}

void Checkpoints::load_methods(int64_t step, const std::vector<plugin::AttachedMethod*>& methods) const {
  io::verify_folder(path_of(step));
  load_methods_state(plugin::read_tensors(path_of(step) / kMethods), methods);
}

void Checkpoints::prune(int64_t keep_last, int64_t best) const {
  auto all = steps();
  for (size_t i = 0; i < all.size(); ++i) {
    const bool recent = static_cast<int64_t>(all.size() - i) <= std::max<int64_t>(1, keep_last);
    if (!recent && all[i] != best) fs::remove_all(path_of(all[i]));
  }
}

}  // namespace peftlab::train
