#include "core/plugin/attached.h"

#include <algorithm>
#include <set>

#include "core/plugin/json_value.h"
#include "core/plugin/peft_config.h"
#include "core/plugin/tensor_match.h"

namespace peftlab::plugin {
namespace {

// What PEFT puts before the names of a module's parameters.
std::string peft_prefix(const FilledPoint& point) {
  if (point.kind == PointKind::kVirtualTokens || point.kind == PointKind::kPrefix) return "";
  return "base_model.model." + point.name + (point.kind == PointKind::kParameter ? "" : ".");
}

std::string state_prefix(const FilledPoint& point) {
  constexpr const char* kKinds[] = {"weight", "parameter", "table", "virtual_tokens", "prefix"};
  return std::string(kKinds[static_cast<int>(point.kind)]) + "/" + point.name + "/";
}

void add_state(Tensors& state, std::set<const void*>& seen, const std::string& prefix, const torch::nn::Module& module) {
  const auto add = [&](const std::string& name, const torch::Tensor& tensor) {
    if (tensor.defined() && seen.insert(tensor.unsafeGetTensorImpl()).second) state.emplace(prefix + name, tensor);
  };
  for (const auto& item : module.named_parameters()) add(item.key(), item.value());
  for (const auto& item : module.named_buffers()) add(item.key(), item.value());
}

// Runs the library's code: what it throws is told with its path, what the user can mend with the place of the options.
template <typename Action>
void run_code(const CreatedMethod& created, const std::string& when, Action action) {
  const std::string library = created.library.path.string();
  const std::string method = std::string("method '").append(created.name()).append("'");
  try {
    action();
  } catch (const PluginError&) {
    throw;
  } catch (const ConfigError& error) {
    throw ConfigError(created.told(error.what()));
  } catch (const std::exception& error) {
    throw PluginError(library + ": " + method + " failed while it " + when + ": " + error.what());
  } catch (...) {
    throw PluginError(library + ": " + method + " threw something that is no std::exception while it " + when);
  }
}

}  // namespace

AttachedMethod::AttachedMethod(CreatedMethod created, FilledPoints& points, const Adapter* loaded)
    : created_(std::move(created)) {
  TORCH_CHECK(created_.method != nullptr, "AttachedMethod: the options of method '", name(), "' were wrong: it was never made");
  attach(points, loaded);
  collect(points);
  if (loaded != nullptr) load(*loaded, created_.where);
}

void AttachedMethod::attach(FilledPoints& points, const Adapter* loaded) {
  std::set<const torch::nn::Module*> before;
  for (const auto& point : points.filled()) before.insert(point.patch.get());
  points.set_filler(name(), /*reads_adapter=*/loaded != nullptr);
  run_code(created_, "was attached to the model", [&] { created_.method->attach(points, loaded); });
  for (const auto& point : points.filled()) {
    if (!before.contains(point.patch.get())) filled_.push_back(point);
  }
}

void AttachedMethod::collect(const InjectionPoints& points) {
  created_.method->to(points.device());
  for (const auto& point : filled_) point.patch->to(points.device());
  add_trainable("base_model.", *created_.method, /*whole_name=*/false, points);
  for (const auto& point : filled_) {
    add_trainable(peft_prefix(point), *point.patch, point.kind == PointKind::kParameter, points);
  }
  if (trainable_.empty()) {
    throw PluginError(created_.library.path.string() + ": method '" + name() +
                      "' trains nothing: no module it filled has a parameter; check its targets");
  }
}

void AttachedMethod::add_trainable(const std::string& prefix, const torch::nn::Module& module, bool whole_name,
                                   const InjectionPoints& points) {
  for (const auto& item : module.named_parameters()) {
    const auto& tensor = item.value();
    const auto same = [&](const Trainable& known) { return known.tensor.is_same(tensor); };
    if (std::any_of(trainable_.begin(), trainable_.end(), same)) continue;
    const auto peft_name = whole_name ? prefix : prefix + item.key();
    if (!tensor.requires_grad() || tensor.scalar_type() != points.trainable_type()) {
      throw PluginError(created_.library.path.string() + ": parameter '" + peft_name + "' is " +
                        torch::toString(tensor.scalar_type()) + (tensor.requires_grad() ? "" : " and needs no gradient") +
                        ", expected " + torch::toString(points.trainable_type()) +
                        " that needs one; what is not trained is a buffer, and the type comes from points.trainable_type()");
    }
    trainable_.push_back({peft_name, tensor, created_.method->group(peft_name, tensor)});
  }
}

void AttachedMethod::begin(const TrainingPlan& plan) {
  if (begun_ && begun_->num_steps == plan.num_steps && begun_->learning_rate == plan.learning_rate) return;
  run_code(created_, "was told of the run's plan", [&] { created_.method->begin(plan); });
  begun_ = plan;
}

void AttachedMethod::train(bool on) {
  created_.method->train(on);
  for (const auto& point : filled_) point.patch->train(on);
}

int64_t AttachedMethod::num_trainable() const {
  int64_t count = 0;
  for (const auto& trained : trainable_) count += trained.tensor.numel();
  return count;
}

Tensors AttachedMethod::state() const {
  Tensors state;
  std::set<const void*> seen;
  add_state(state, seen, "method/", *created_.method);
  for (const auto& point : filled_) add_state(state, seen, state_prefix(point), *point.patch);
  return state;
}

void AttachedMethod::load_state(const Tensors& state) {
  copy_exactly(state, this->state(), "training state of method '" + name() + "'", /*finite=*/false);
}

Adapter AttachedMethod::adapter(const std::string& base_model) const {
  Tensors named;
  for (const auto& trained : trainable_) named.emplace(trained.name, trained.tensor.detach());
  Adapter adapter;
  const auto config = created_.method->peft_config();
  adapter.config = config ? *config : own_config(name(), to_fields(created_.options));
  adapter.config.set("base_model_name_or_path", base_model);
  for (const auto& [key, tensor] : created_.method->to_peft(std::move(named))) {
    adapter.tensors.emplace(key, tensor.detach().to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true).contiguous());
  }
  return adapter;
}

void AttachedMethod::load(const Adapter& adapter, const std::string& where) {
  Tensors named;
  for (const auto& trained : trainable_) named.emplace(trained.name, trained.tensor);
  Tensors saved;
  try {
    saved = created_.method->from_peft(adapter.tensors);
  } catch (const ConfigError& error) {
    throw ConfigError(where + ": " + error.what());
  }
  copy_exactly(saved, named, where, /*finite=*/true);
}

std::vector<Trainable> all_trainable(const std::vector<const AttachedMethod*>& methods) {
  std::vector<Trainable> all;
  std::set<const void*> seen;
  std::set<std::string> names;
  for (const auto* method : methods) {
    for (auto trained : method->trainable()) {
      if (!seen.insert(trained.tensor.unsafeGetTensorImpl()).second) continue;
      while (!names.insert(trained.name).second) trained.name = method->name() + "/" + trained.name;
      all.push_back(std::move(trained));
    }
  }
  return all;
}

}  // namespace peftlab::plugin
