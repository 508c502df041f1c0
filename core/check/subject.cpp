#include "core/check/subject.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/io/streams.h"
#include "core/kernels/dropout_clock.h"
#include "core/kernels/quantized_storage.h"
#include "core/model/labels.h"
#include "peftlab/quantized.h"

namespace peftlab::check {
namespace {

constexpr int64_t kToyVocabulary = 64;
constexpr int64_t kPlans[] = {12, 100, 1000, 10000, 100000};  // optimizer steps
constexpr double kLearningRate = 1e-2;

/// Letters as ids: enough to start from a text.
std::vector<int64_t> ids_of(const std::string& text) {
  std::vector<int64_t> ids;
  for (const unsigned char c : text) ids.push_back(c % kToyVocabulary);
  return ids;
}

void quantise(plugin::DecoderPoints& points) {
  Targets every;
  every.regex = ".*";
  for (const auto* base : points.weights(every)) {
    if (base->layer() >= 0) points.store(*base, quantized(base->weight(), {}));
  }
}

/// Half the distance of two neighbours near 1.
double rounding_unit(torch::ScalarType type) {
  return std::pow(2.0, type == torch::kFloat64 ? -53 : type == torch::kFloat32 ? -24 : -9);
}

/// Keeps matrices as the other's method keeps them.
void store_alike(plugin::DecoderPoints& points, const model::Decoder& decoder, const std::vector<std::string>& names) {
  for (const auto& slot : decoder.weights().linears()) {
    if (std::find(names.begin(), names.end(), slot.base.name()) == names.end()) continue;
    Targets one;
    one.names = {slot.base.name()};
    points.store(*points.weights(one).front(), slot.base.storage());
  }
}

train::Settings settings_for(size_t num_sequences) {
  train::Settings settings;
  settings.max_steps = kPlans[0];
  settings.batch_size = static_cast<int64_t>(num_sequences);
  settings.learning_rate = kLearningRate;
  return settings;
}

}  // namespace

plugin::CreatedMethod create(const Trial& trial) {
  const auto document = io::parse_json(io::Json{{"method", trial.options}}.dump(), "check");
  io::Mistakes mistakes;
  auto created = plugin::create_method(trial.library, document, "/method", mistakes);
  mistakes.throw_if_any();
  return created;
}

Subject::Subject(const Trial& trial, Setup setup) : Subject(trial, setup, create(trial)) {}

Subject::Subject(const Trial& trial, Setup setup, plugin::CreatedMethod created)
    : decoder_(std::make_unique<model::Decoder>(*toy_source(*trial.model, kToySeed), setup.type, torch::kCPU)) {
  set_.points = std::make_unique<plugin::DecoderPoints>(*decoder_, setup.seed, ids_of);
  if (setup.quantised_base) quantise(*set_.points);
  if (setup.base_of != nullptr) store_alike(*set_.points, *setup.base_of->decoder_, setup.base_of->points().stored());
  watched_ = std::make_unique<WatchedPoints>(*set_.points, setup.refusing);
  set_.methods.push_back(std::make_unique<plugin::AttachedMethod>(std::move(created), *watched_, setup.loaded));
  lab::note_shared_parameters(*decoder_, set_);
  train(false);
}

void Subject::perturb(double size) {
  torch::NoGradGuard no_grad;
  for (const auto& t : method().trainable()) {
    const auto generator = at::detail::createCPUGenerator(io::stream_seed(0, "perturb", t.name));
    t.tensor.add_(
        torch::empty(t.tensor.sizes(), torch::kFloat64).normal_(0.0, size, generator).to(t.tensor.scalar_type()));
  }
}

void Subject::begin() {
  for (const int64_t num_steps : kPlans) {
    try {
      return method().method().begin({num_steps, kLearningRate});
    } catch (const ConfigError&) {
      if (num_steps == *std::rbegin(kPlans)) throw;
    }
  }
}

torch::Tensor Subject::loss(const std::vector<model::Sequence>& sequences) {
  kernels::set_dropout_clock(/*seed=*/1, /*step=*/1, /*micro_batch=*/0);
  const auto batch = model::labelled_batch(*decoder_, sequences, /*share_beginning=*/false);
  const auto losses = decoder_->label_losses(batch);
  const auto task =
      (losses * batch.label_counts.to(losses.scalar_type())).sum() / static_cast<double>(batch.num_labels);
  const auto penalty = method().method().penalty();
  return penalty.defined() ? task + penalty : task;
}

std::vector<torch::Tensor> Subject::step_gradients(const std::vector<model::Sequence>& sequences, int64_t batch_size,
                                                   bool share) {
  train::Job job{decoder_.get(), set_.pointers(), sequences, settings_for(sequences.size()), /*seed=*/1, {}, {}, {},
                 nullptr};
  job.settings.batch_size = batch_size;
  job.settings.share_prefix = share ? train::SharePrefix::on : train::SharePrefix::off;
  std::vector<size_t> all;
  for (size_t i = 0; i < sequences.size(); ++i) all.push_back(i);
  for (const auto& t : method().trainable()) t.tensor.mutable_grad() = torch::Tensor();
  train::StepReport report;
  report.step = 1;
  train::StepRunner(job).accumulate(all, report);
  std::vector<torch::Tensor> gradients;
  for (const auto& t : method().trainable()) {
    gradients.push_back(t.tensor.grad());
    t.tensor.mutable_grad() = torch::Tensor();
  }
  return gradients;
}

torch::Tensor Subject::logits(const model::Batch& batch) {
  torch::NoGradGuard no_grad;
  const auto rows = decoder_->hidden(batch);
  return decoder_->logits(rows.narrow(/*dim=*/0, decoder_->num_virtual_rows(), batch.num_rows()));
}

torch::Tensor Subject::logits(const model::Sequence& sequence) {
  return logits(model::make_batch({sequence}, /*share_beginning=*/false));
}

Training::Training(Subject& subject, std::vector<model::Sequence> sequences)
    : job_{&subject.decoder(),
           subject.set().pointers(),
           sequences,
           settings_for(sequences.size()),
           /*seed=*/1,
           {},
           {},
           {},
           nullptr},
      updater_(train::make_slots(job_.methods, job_.settings), job_.settings),
      runner_(job_) {}

void Training::steps(int64_t count) {
  for (auto* method : job_.methods) method->train(true);
  std::vector<size_t> all;
  for (size_t i = 0; i < job_.examples.size(); ++i) all.push_back(i);
  for (int64_t i = 0; i < count; ++i) {
    train::StepReport report;
    report.step = ++step_;
    runner_.accumulate(all, report);
    updater_.step(kLearningRate);
    for (auto* method : job_.methods) method->method().after_step(report.step);
    updater_.clear_gradients();
  }
  for (auto* method : job_.methods) method->train(false);
}

Training::Saved Training::save() const {
  return {copied(job_.methods.front()->state()), copied(updater_.state()), step_};
}

void Training::load(const Saved& saved) {
  job_.methods.front()->load_state(saved.method);
  updater_.load_state(saved.optimizer);
  step_ = saved.step;
}

std::vector<model::Sequence> mixed_sequences() {
  constexpr int64_t kLengths[] = {11, 26, 7, 33};
  constexpr int64_t kShared = 3;
  std::vector<model::Sequence> all;
  int64_t next = 0;  // the id to come: each in turn, so that all occur
  for (const int64_t length : kLengths) {
    model::Sequence s;
    for (int64_t i = 0; i < length; ++i) s.ids.push_back(i < kShared ? 5 * i + 7 : (next++ * 29 + 1) % kToyVocabulary);
    s.labels = s.ids;
    for (int64_t i = 0; i < std::max(kShared, length / 3); ++i) s.labels[static_cast<size_t>(i)] = model::kNoLabel;
    all.push_back(std::move(s));
  }
  return all;
}

torch::ScalarType precision_of(const model::Decoder& decoder) {
  auto coarsest = decoder.type();
  for (const auto& slot : decoder.weights().linears()) {
    const auto* packed = dynamic_cast<const kernels::QuantizedStorage*>(slot.base.storage().get());
    if (packed != nullptr && rounding_unit(packed->product_type()) > rounding_unit(coarsest)) {
      coarsest = packed->product_type();
    }
  }
  return coarsest;
}

double allowed_difference(const model::Decoder& decoder, torch::ScalarType type, double largest, int passes) {
  const ModelShape& s = decoder.spec().shape;
  const double unit = std::max(rounding_unit(type), rounding_unit(precision_of(decoder)));
  const auto terms = static_cast<double>(std::max({s.width, s.mlp_width, s.num_heads * s.head_width}));
  const auto matrices = static_cast<double>(7 * s.num_layers + 1);
  // A sum's roundings add up like a random walk, eight deviations are allowed; each matrix hands its error on to all
  // that follow.
  return passes * matrices * matrices * 8.0 * std::sqrt(terms) * unit * std::max(largest, 1.0);
}

Tensors copied(const Tensors& tensors) {
  Tensors copies;
  for (const auto& [name, tensor] : tensors) copies.emplace(name, tensor.detach().clone());
  return copies;
}

}  // namespace peftlab::check
