// `peftlab merge`: a model with its adapter folded in.
#include "core/lab/merge.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/loaded.h"
#include "core/lab/adapter_base.h"
#include "core/lab/loaded_model.h"
#include "core/lab/places.h"
#include "core/lab/run_folder.h"
#include "core/model/export/export.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrompts[] = {"The capital of France is", "def add(a, b):\n    return", "1, 2, 3, 4, 5,", "輸入：臺北市中正區八德路"};
constexpr int64_t kPromptLength = 24;  // ids, for a model without a tokenizer

struct MergeOptions {
  std::string from, adapter, folder, dtype = "auto";
  bool other_base = false;
};

struct Inputs {
  fs::path model;
  fs::path adapter;
  io::Json record = io::Json::object();  // of the run, if it is one
};

Inputs inputs_of(const MergeOptions& o) {
  if (!fs::exists(fs::path(o.from) / "run.json")) {
    if (o.adapter.empty()) throw ConfigError(o.from + ": not a run's folder; to merge an adapter into a model, give --adapter DIR");
    return {lab::model_path(o.from), o.adapter, io::Json::object()};
  }
  const auto record = lab::read_record(o.from);
  const auto model = record.value("model", io::Json::object()).value("name", std::string());
  if (model.empty()) throw ConfigError(o.from + ": run.json does not say which model was tuned");
  return {lab::model_path(model), o.adapter.empty() ? fs::path(o.from) / "adapter" : fs::path(o.adapter), record};
}

std::optional<text::Tokenizer> tokenizer_of(const fs::path& model) {
  try {
    return lab::load_tokenizer(model);
  } catch (const ConfigError&) {
    return std::nullopt;  // a merge needs none
  }
}

std::vector<std::vector<int64_t>> prompts_for(const text::Tokenizer* tokenizer, int64_t vocabulary) {
  std::vector<std::vector<int64_t>> prompts;
  for (const char* prompt : kPrompts) {
    auto ids = tokenizer != nullptr ? tokenizer->encode(prompt, /*add_special_tokens=*/true) : std::vector<int64_t>{};
    std::erase_if(ids, [&](int64_t id) { return id >= vocabulary; });
    if (!ids.empty()) prompts.push_back(std::move(ids));
  }
  if (!prompts.empty()) return prompts;
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < kPromptLength; ++i) ids.push_back((i * 7919 + 1) % vocabulary);
  return {ids};
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

void report(const MergeOptions& o, const lab::MergedModel& merged, const lab::MergeCheck& check, torch::ScalarType type) {
  std::cout << o.folder << ": merged model, weights in " << lab::type_name(type) << "\n"
            << "changed tensors: " << merged.changed.size() << " of " << merged.tensors.size() << "\n";
  if (merged.untied_head) {
    std::cout << "the head is no longer the embedding table: lm_head.weight was written\n";
  }
  std::cout << "largest change of a logit, merged against unmerged: " << number(check.largest_change) << "\n"
            << "  over " << check.num_tokens << " tokens, logits up to " << number(check.largest_logit) << ", moved by the adapter up to "
            << number(check.adapter_change) << "\n";
  if (type != torch::kFloat32 && check.largest_change > 1e-3 * check.largest_logit) {
    std::cout << "  that is the rounding to " << lab::type_name(type) << "; --dtype f32 keeps more\n";
  }
}

int merge(const MergeOptions& o) {
  model::check_new_folder(o.folder);
  const auto inputs = inputs_of(o);
  const auto source = model::open_weights(inputs.model);
  if (!o.other_base) lab::check_base(inputs.adapter, *source);
  const auto tokenizer = tokenizer_of(inputs.model);
  model::Decoder decoder(*source, torch::kFloat32, torch::kCPU, lab::reading_of(inputs.record, *source));
  const auto quantized = model::quantized_matrices(decoder.weights());
  // Values of four bits are spread over 32, and what was trained is added to them: rounding that would undo a part of it.
  const auto type = model::export_type(o.dtype == "auto" && quantized ? "f32" : o.dtype, *source);
  const auto methods = lab::attach_adapter(decoder, inputs.adapter, tokenizer ? &*tokenizer : nullptr);
  const auto merged = lab::merged_model(decoder, methods);
  model::write_hugging_face(o.folder, merged.spec, merged.tensors, type, inputs.model);
  const model::Decoder written(*model::open_weights(o.folder), torch::kFloat32, torch::kCPU);
  const auto prompts = prompts_for(tokenizer ? &*tokenizer : nullptr, decoder.spec().shape.vocab_size);
  if (quantized) std::cout << "the base model's matrices are those of its quantised form (" << model::about(*quantized) << ")\n";
  report(o, merged, lab::check_merged(decoder, written, prompts), type);
  return kDone;
}

}  // namespace

void add_merge(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("merge", "Fold an adapter into its model and write a plain model");
  auto o = std::make_shared<MergeOptions>();
  verb->add_option("from", o->from, "a run's folder, or a model with --adapter")->required();
  verb->add_option("folder", o->folder, "the Hugging Face folder to make")->required();
  verb->add_option("--adapter", o->adapter, "adapter folder to fold into the model");
  add_other_base(*verb, o->other_base);
  verb->add_option("--dtype", o->dtype, "type of the weights: auto (the model's; bf16 for GGUF's blocks, f32 for four bits), bf16, f16, f32")
      ->capture_default_str();
  set_example(*verb, "peftlab merge runs/roads_lora/seed0-1a2b3c4d roads-model");
  verb->callback([o, &action] { action = [o] { return merge(*o); }; });
}

}  // namespace peftlab::cli
