#include "core/lab/memory_estimate.h"

#include <algorithm>
#include <regex>

#include "core/evaluate/task_score.h"
#include "core/lab/few_steps.h"
#include "core/lab/machine.h"
#include "core/lab/prepared.h"
#include "core/model/sources/shallow_source.h"
#include "core/train/largest_micro_batch.h"
#include "core/train/operation_log.h"

namespace peftlab::lab {
namespace {

constexpr int64_t kShallow = 2, kDeeper = 4;  // layers
/// Steps of different sizes: libtorch's products make code for each that they meet, and freed memory of one size leaves holes that
/// another does not fill.
constexpr int64_t kVariedSteps = 12;
/// The optimizer's state exists from the first step on, the gradients' buffers are used again from the second.
constexpr int64_t kSteps = 3;

/// What a few steps on so many layers held.
struct Held {
  MemoryParts parts;
  bool shared_beginning = false;
};

/// The most that tensors held at once in a step. Where micro-batches are accumulated, the gradients of the first are there in the
/// forward pass of the second.
int64_t most_held(const train::OperationCosts& costs, const train::Settings& settings, int64_t gradients) {
  int64_t most = 0;
  for (const char* phase : {train::kForwardPhase, train::kBackwardPhase, train::kOptimizerPhase}) {
    const auto at = costs.phases.find(phase);
    if (at == costs.phases.end()) continue;
    const bool waits = phase == train::kForwardPhase && settings.gradient_accumulation > 1;
    most = std::max(most, at->second.peak_bytes + (waits ? gradients : 0));
  }
  return most;
}

class Estimator {
 public:
  Estimator(const MemoryRequest& request, Display& display) : request_(request), display_(display), in_(request.experiment, display) {
    if (in_.device.is_cuda()) {
      throw ConfigError("device: estimates are of the processor's memory, and this run would be on a GPU; ask with --set device=cpu");
    }
    examples_ = evaluate::training_sequences(in_.work->examples("train"));
    num_steps_ = train::make_plan(in_.experiment.train, static_cast<int64_t>(examples_.size())).num_steps;
  }

  MemoryEstimate operator()() {
    MemoryEstimate result;
    result.name = in_.experiment.name;
    result.seed = in_.experiment.seed;
    result.base_type = type_name(in_.type);
    result.num_layers = in_.files->source->spec().shape.num_layers;
    result.tried_layers = depths(result.num_layers);
    display_.phase("tries a few steps", static_cast<int64_t>(request_.batch_sizes.size() * (1 + result.tried_layers.size())));
    for (const int64_t size : request_.batch_sizes) result.rows.push_back(row(size, result));
    result.machine = describe_machine();
    return result;
  }

 private:
  /// Whether an option says which layers to fill: by number, or in a pattern of module names ("layers.3", GPT's "h.3", the dot
  /// perhaps escaped).
  static bool names_layers(const io::Json& value) {
    static const std::regex pattern("layers.*[0-9]|\\bh\\\\?\\.\\W*[0-9]");
    if (value.is_string()) return std::regex_search(value.get<std::string>(), pattern);
    if (!value.is_structured()) return false;
    if (value.is_object() && value.contains("layers") && !value.at("layers").empty()) return true;
    for (const auto& [key, unused] : value.items()) {
      if (value.is_object() && std::regex_search(key, pattern)) return true;
    }
    return std::any_of(value.begin(), value.end(), names_layers);
  }

  std::vector<int64_t> depths(int64_t num_layers) const {
    const bool all_alike = std::none_of(in_.experiment.methods.begin(), in_.experiment.methods.end(),
                                        [](const MethodChoice& method) { return names_layers(method.options); });
    return all_alike && num_layers > kDeeper ? std::vector{kShallow, kDeeper} : std::vector{num_layers};
  }

  MemoryRow row(int64_t batch_size, const MemoryEstimate& about) {
    auto settings = in_.experiment.train;
    settings.batch_size = batch_size;
    const Held varied = few_steps(about.tried_layers.back(), examples_, settings, kVariedSteps);
    tried();
    const auto seed = static_cast<uint64_t>(in_.experiment.seed);
    const auto largest = train::largest_micro_batch(examples_, settings, seed, varied.shared_beginning);
    std::vector<MemoryParts> found;
    for (const int64_t depth : about.tried_layers) {
      found.push_back(few_steps(depth, largest, settings, kSteps).parts);
      tried();
    }
    auto parts = found.size() == 1 ? found[0] : extended(found[0], found[1], about.num_layers);
    parts.program = varied.parts.program;
    return {batch_size, train::num_rows_of(largest, varied.shared_beginning), parts};
  }

  void tried() { display_.progress(++num_tried_); }

  static MemoryParts extended(const MemoryParts& shallow, const MemoryParts& deeper, int64_t num_layers) {
    const auto line = [&](int64_t MemoryParts::*part) {
      return deeper.*part + (deeper.*part - shallow.*part) / (kDeeper - kShallow) * (num_layers - kDeeper);
    };
    return {line(&MemoryParts::base_model), line(&MemoryParts::trained),     line(&MemoryParts::gradients),
            line(&MemoryParts::optimizer),  line(&MemoryParts::activations), 0};
  }

  train::Job job(model::Decoder& decoder, const MethodSet& methods, const std::vector<model::Sequence>& examples,
                 const train::Settings& settings) const {
    train::Job job;
    job.decoder = &decoder;
    job.methods = methods.pointers();
    job.examples = examples;
    job.settings = settings;
    job.settings.epochs.reset();
    job.settings.max_steps = num_steps_;  // the experiment's: a method's schedule may depend on it
    job.settings.gradient_accumulation = 1;
    job.settings.on_nonfinite = train::OnNonFinite::skip;
    job.seed = static_cast<uint64_t>(in_.experiment.seed);
    return job;
  }

  Held few_steps(int64_t num_layers, const std::vector<model::Sequence>& examples, const train::Settings& settings, int64_t num_steps) {
    const model::ShallowSource source(*in_.files->source, num_layers);
    auto experiment = in_.experiment;
    train::OperationLog log;
    model::Decoder decoder(source, in_.type, in_.device, model::Reading{experiment.model.quantize, /*lazily=*/true});
    const auto methods = attach_methods(decoder, create_methods(experiment), static_cast<uint64_t>(experiment.seed), in_.tokenizer.get());
    decoder.weights().load_rest();
    source.release_pages();
    FewSteps observer(num_steps);
    auto work = job(decoder, methods, examples, settings);
    work.stop = &observer.enough();
    reset_peak_memory();
    const auto outcome = train::train(work, observer);
    const int64_t tensors = most_held(log.costs(), settings, outcome.bytes.gradients);
    MemoryParts parts{decoder.weights().bytes(), outcome.bytes.trained, outcome.bytes.gradients, outcome.bytes.optimizer, 0, 0};
    parts.activations = std::max<int64_t>(0, tensors - parts.total());
    parts.program = std::max<int64_t>(0, peak_memory_bytes() - tensors);
    return {parts, outcome.shared_beginning};
  }

  const MemoryRequest& request_;
  Display& display_;
  Prepared in_;
  std::vector<model::Sequence> examples_;
  int64_t num_steps_ = 0, num_tried_ = 0;
};

}  // namespace

MemoryEstimate estimate_memory(const MemoryRequest& request, Display& display) { return Estimator(request, display)(); }

io::Json to_json(const MemoryEstimate& e) {
  io::Json rows = io::Json::array();
  for (const auto& row : e.rows) {
    const auto& p = row.parts;
    rows.push_back({{"batch_size", row.batch_size}, {"num_rows", row.num_rows}, {"peak_bytes", p.total()},
                    {"training_memory_bytes", {{"base_model", p.base_model}, {"trained", p.trained}, {"gradients", p.gradients},
                                               {"optimizer", p.optimizer}, {"activations", p.activations}, {"program", p.program}}}});
  }
  return {{"name", e.name}, {"seed", e.seed}, {"base_type", e.base_type}, {"num_layers", e.num_layers},
          {"tried_layers", e.tried_layers}, {"machine", e.machine}, {"rows", rows}};
}

}  // namespace peftlab::lab
