#include "core/lab/prepared.h"

#include <future>

#include "core/evaluate/task_score.h"
#include "core/lab/adapter_base.h"
#include "core/lab/gguf_adapter.h"
#include "core/lab/places.h"

namespace peftlab::lab {

Prepared::Prepared(Experiment wanted, Display& display) : experiment(std::move(wanted)) {
  created = create_methods(experiment);
  display.phase("reads model and data", 0);
  const auto path = experiment.model.path.empty() ? model_path(experiment.model.name) : experiment.model.path;
  const data::Task task = resolve_task(experiment.task);
  auto dataset =
      std::async(std::launch::async, [&] { return data::prepare(task); });  // while the model's files are read
  files = std::make_unique<ModelFiles>(path);
  check_base(experiment, path, [&] { return files->hash(); });
  tokenizer = std::make_unique<text::Tokenizer>(load_tokenizer(path));
  format = data::make_chat_format(*tokenizer, path.string());
  work = std::make_unique<Workload>(
      make_workload({task, dataset.get(), {}, ""}, experiment, *format, files->source->spec().max_positions));
  device = choose_device(experiment.device);
  type = choose_type(experiment.model.dtype, device);
}

void Prepared::load_model() {
  decoder = std::make_unique<model::Decoder>(*files->source, type, device, model::Reading{experiment.model.quantize, /*lazily=*/true});
  methods = attach_methods(*decoder, std::move(created), static_cast<uint64_t>(experiment.seed), tokenizer.get());
  decoder->weights().load_rest();
  files->source->release_pages();
  if (!experiment.adapter.empty()) load_start();
  train::check_job(job());
}

void Prepared::load_start() {
  if (methods.methods.size() != 1) throw ConfigError("adapter: a start from an adapter needs exactly one method");
  methods.methods[0]->load(read_adapter(experiment.adapter, decoder->spec()), experiment.adapter.string());
}

train::Job Prepared::job() const {
  train::Job job;
  job.decoder = decoder.get();
  job.methods = methods.pointers();
  job.examples = evaluate::training_sequences(work->examples("train"));
  job.settings = experiment.train;
  job.seed = static_cast<uint64_t>(experiment.seed);
  return job;
}

}  // namespace peftlab::lab
