#include "core/lab/identity.h"

#include "core/data/model_chat_format.h"
#include "core/io/sha256.h"
#include "core/lab/adapter_base.h"
#include "core/lab/gguf_adapter.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/lab/run.h"
#include "core/lab/workload.h"

namespace peftlab::lab {

io::Json hashes_of(const Experiment& experiment, const Sources& sources) {
  io::Json all = {
      {"experiment", experiment.hash()}, {"model", sources.model},  {"data", sources.data}, {"task", sources.task},
      {"tokenizer", sources.tokenizer},  {"format", sources.format}};
  if (!experiment.adapter.empty()) all["adapter"] = io::sha256_file(adapter_tensors(experiment.adapter));
  if (experiment.evaluate.forgetting) {
    std::string texts;
    for (const auto& file : experiment.evaluate.forgetting->texts) texts += io::sha256_file(file);
    all["forgetting"] = io::sha256_hex(texts);
  }
  return all;
}

io::Json numbers_of(const Sources& sources) {
  return {{"base_type", type_name(sources.type)}, {"device", sources.device.str()}};
}

std::string identity_of(const io::Json& hashes, const io::Json& numbers, int64_t seed) {
  return io::sha256_hex(
      io::Json{{"hashes", hashes}, {"seed", seed}, {"numbers", numbers}, {"result_version", kResultVersion}}.dump());
}

IdentityFinder::Found IdentityFinder::operator()(Experiment& experiment) {
  create_methods(experiment);
  auto path = experiment.model.path;
  if (path.empty()) {
    auto& known = paths_[experiment.model.name];
    if (known.empty()) known = model_path(experiment.model.name);
    path = known;
  }
  const Model& model = model_at(path);
  check_base(experiment, path, [&] { return model.hash; });
  const Data& data = data_of(experiment.task);
  const auto device = choose_device(experiment.device);
  const Sources sources = {model.hash,      data.hash,    data.task_hash,
                           model.tokenizer, model.format, choose_type(experiment.model.dtype, device),
                           device};
  const auto hashes = hashes_of(experiment, sources), numbers = numbers_of(sources);
  io::Json data_json = {{"metric", data.metric}, {"splits", io::Json::object()}};
  for (const auto& [name, size] : data.sizes) data_json["splits"][name]["num_items"] = size;
  return {identity_of(hashes, numbers, experiment.seed), hashes, numbers, data_json};
}

const IdentityFinder::Model& IdentityFinder::model_at(const std::filesystem::path& path) {
  if (const auto known = models_.find(path); known != models_.end()) return known->second;
  const auto tokenizer = load_tokenizer(path);
  const auto format = data::make_chat_format(tokenizer, path.string());
  return models_[path] = {ModelFiles(path).hash(), tokenizer.hash(), format->hash()};
}

const IdentityFinder::Data& IdentityFinder::data_of(const std::filesystem::path& task) {
  if (const auto known = data_.find(task); known != data_.end()) return known->second;
  const auto resolved = resolve_task(task);
  const auto dataset = data::prepare(resolved);
  dataset.split("train");  // says what is wrong where there is none
  Data data = {dataset.hash, resolved.hash, resolved.answer.metric, {}};
  for (const auto& split : dataset.splits) data.sizes[split.name] = static_cast<int64_t>(split.conversations.size());
  return data_[task] = std::move(data);
}

}  // namespace peftlab::lab
