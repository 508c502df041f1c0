// `peftlab forward`: one forward pass over given ids, for comparing with other programs.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/loaded.h"
#include "core/evaluate/generate.h"
#include "core/lab/adapter_base.h"
#include "core/lab/loaded_model.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/model/labels.h"
#include "core/plugin/tensor_file.h"

namespace peftlab::cli {
namespace {

struct ForwardOptions {
  std::string model, input, output, adapter, dtype = "f32";
  bool grad = false, ignore_eos = false, other_base = false;
  int64_t generate = 0;
};

/// Rows of (B, T) tensors, masked places left out.
std::vector<model::Sequence> read_rows(const Tensors& in, const std::string& where) {
  const auto ids = in.at("input_ids");
  const auto mask = in.contains("attention_mask") ? in.at("attention_mask") : torch::ones_like(ids);
  const auto labels = in.contains("labels") ? in.at("labels") : torch::full_like(ids, model::kNoLabel);
  if (ids.dim() != 2 || mask.sizes() != ids.sizes() || labels.sizes() != ids.sizes() || ids.scalar_type() != torch::kInt64) {
    throw ConfigError(where + ": input_ids, attention_mask and labels must be int64 of one shape (B, T)");
  }
  std::vector<model::Sequence> rows;
  for (int64_t b = 0; b < ids.size(0); ++b) {
    const auto kept = mask[b].nonzero().flatten();
    if (kept.numel() == 0) throw ConfigError(where + ": row " + std::to_string(b) + " of attention_mask has no token");
    const auto row = ids[b].index_select(0, kept).contiguous(), label = labels[b].index_select(0, kept).contiguous();
    rows.push_back({{row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel()},
                    {label.data_ptr<int64_t>(), label.data_ptr<int64_t>() + label.numel()}});
  }
  return rows;
}

void check_ids(const std::vector<model::Sequence>& rows, int64_t vocab, const std::string& where) {
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.ids.size(); ++i) {
      const bool label_good = row.labels[i] == model::kNoLabel || (row.labels[i] >= 0 && row.labels[i] < vocab);
      if (row.ids[i] >= 0 && row.ids[i] < vocab && label_good) continue;
      throw ConfigError(where + ": id " + std::to_string(row.ids[i]) + " or label " + std::to_string(row.labels[i]) +
                        " is outside the vocabulary of " + std::to_string(vocab));
    }
  }
}

/// Logits of every row, virtual tokens first: (B, P + T, V); masked places are 0.
torch::Tensor all_logits(const model::Decoder& decoder, const std::vector<model::Sequence>& rows, const torch::Tensor& mask) {
  torch::NoGradGuard no_grad;
  const int64_t num_virtual = decoder.num_virtual_rows();
  torch::Tensor all;
  for (size_t b = 0; b < rows.size(); ++b) {
    const auto logits = decoder.logits(decoder.hidden(model::make_batch({rows[b]}, /*share_beginning=*/false)));
    if (!all.defined()) {
      all = torch::zeros({static_cast<int64_t>(rows.size()), num_virtual + mask.size(1), logits.size(1)}, logits.options());
    }
    const auto kept = torch::cat({torch::arange(num_virtual), mask[static_cast<int64_t>(b)].nonzero().flatten() + num_virtual});
    all[static_cast<int64_t>(b)].index_copy_(0, kept.to(all.device()), logits);
  }
  return all;
}

/// Without an adapter every weight of the model is trained.
void train_everything(model::Decoder& decoder, plugin::DecoderPoints& points) {
  for (auto& slot : decoder.weights().parameters()) points.fill_parameter(slot.base, std::make_shared<ParameterPatch>(slot.base));
}

void add_gradients(Tensors& out, model::Decoder& decoder, const lab::MethodSet* methods) {
  if (methods != nullptr) {
    for (const auto& method : methods->methods) {
      for (const auto& t : method->trainable()) {
        out["grad." + t.name] = t.tensor.grad().defined() ? t.tensor.grad() : torch::zeros_like(t.tensor);
      }
    }
    return;
  }
  for (const auto& slot : decoder.weights().parameters()) {
    const auto& value = slot.patch->value();
    out["grad." + slot.base.name()] = value.grad().defined() ? value.grad() : torch::zeros_like(value);
  }
}

void add_loss(Tensors& out, model::Decoder& decoder, const std::vector<model::Sequence>& rows, const lab::MethodSet* methods, bool grad) {
  torch::AutoGradMode graph(grad);
  const auto batch = model::labelled_batch(decoder, rows, /*share_beginning=*/false);
  if (batch.num_labels == 0) return;
  const auto losses = decoder.label_losses(batch);
  auto task = (losses * batch.label_counts.to(losses.device(), losses.scalar_type())).sum() / static_cast<double>(batch.num_labels);
  auto loss = task;
  if (methods != nullptr) {
    for (const auto& method : methods->methods) {
      const auto penalty = method->method().penalty();
      if (!penalty.defined()) continue;
      loss = loss + penalty;
      out["loss_task"] = task.detach();
      out["loss_regulariser"] = penalty.detach();
    }
  }
  out["loss"] = loss.detach();
  if (!grad) return;
  loss.backward();
  add_gradients(out, decoder, methods);
}

torch::Tensor generated(const model::Decoder& decoder, const std::vector<model::Sequence>& rows, const ForwardOptions& o,
                        const std::vector<int64_t>& ends) {
  evaluate::GenerateOptions options;
  options.max_new_tokens = o.generate;
  if (!o.ignore_eos) options.end_ids = ends;
  std::vector<std::vector<int64_t>> prompts;
  for (const auto& row : rows) prompts.push_back(row.ids);
  const int64_t pad = ends.empty() ? 0 : ends.front();
  auto all = torch::full({static_cast<int64_t>(rows.size()), o.generate}, pad, torch::kInt64);
  const auto answers = evaluate::generate(decoder, nullptr, prompts, options);
  for (size_t b = 0; b < answers.size(); ++b) {
    const auto ids = torch::tensor(answers[b].ids, torch::kInt64);
    all[static_cast<int64_t>(b)].narrow(0, 0, ids.size(0)).copy_(ids);
  }
  return all;
}

std::vector<int64_t> end_ids(const std::string& path) {
  try {
    return lab::load_tokenizer(path).end_of_generation_ids();
  } catch (const ConfigError&) {
    return {};
  }
}

int forward(const ForwardOptions& o) {
  const auto path = lab::model_path(o.model);
  const auto in = plugin::read_tensors(o.input);
  if (!in.contains("input_ids")) throw ConfigError(o.input + ": tensor input_ids is missing");
  const auto rows = read_rows(in, o.input);
  const auto source = model::open_weights(path);
  check_ids(rows, source->spec().shape.vocab_size, o.input);
  if (!o.adapter.empty() && !o.other_base) lab::check_base(o.adapter, *source);
  model::Decoder decoder(*source, lab::choose_type(o.dtype, torch::kCPU), torch::kCPU);
  lab::MethodSet methods;
  if (!o.adapter.empty()) methods = lab::attach_adapter(decoder, o.adapter, nullptr);
  Tensors out;
  if (o.generate > 0) {
    out["generated"] = generated(decoder, rows, o, o.ignore_eos ? std::vector<int64_t>{} : end_ids(path));
  } else {
    const auto mask = in.contains("attention_mask") ? in.at("attention_mask") : torch::ones_like(in.at("input_ids"));
    out["logits"] = all_logits(decoder, rows, mask);
    std::unique_ptr<plugin::DecoderPoints> everything;
    if (o.grad && o.adapter.empty()) {
      everything = std::make_unique<plugin::DecoderPoints>(decoder, /*seed=*/0, plugin::DecoderPoints::Encode());
      train_everything(decoder, *everything);
    }
    add_loss(out, decoder, rows, o.adapter.empty() ? nullptr : &methods, o.grad);
  }
  plugin::write_tensors(o.output, out);
  return kDone;
}

}  // namespace

void add_forward(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("forward", "Compute logits, loss, gradients or a greedy continuation of given token ids");
  auto o = std::make_shared<ForwardOptions>();
  verb->add_option("model", o->model, "Hugging Face folder, GGUF file, or name in models.json")->required();
  verb->add_option("--input", o->input, "safetensors with input_ids and, if wanted, attention_mask and labels: int64 (B, T)")->required();
  verb->add_option("--output", o->output, "safetensors to write: logits, loss, grad.NAME or generated")->required();
  verb->add_option("--adapter", o->adapter, "adapter folder");
  add_other_base(*verb, o->other_base);
  verb->add_option("--dtype", o->dtype, "type of the frozen weights: auto, bf16, f32, f64")->capture_default_str();
  verb->add_flag("--grad", o->grad, "write the gradient of the loss for the adapter's tensors, or for every weight");
  verb->add_option("--generate", o->generate, "write this many greedy tokens instead")->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  verb->add_flag("--ignore-eos", o->ignore_eos, "go on after an end token");
  set_example(*verb, "peftlab forward smollm2-135m-instruct --input in.safetensors --output out.safetensors --grad");
  verb->callback([o, &action] { action = [o] { return forward(*o); }; });
}

}  // namespace peftlab::cli
