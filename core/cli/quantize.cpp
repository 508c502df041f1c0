// `peftlab quantize`: a model with its matrices in four bits.
#include <cstdio>
#include <iostream>

#include "core/cli/commands.h"
#include "core/lab/loaded_model.h"
#include "core/lab/places.h"
#include "core/model/export/export.h"
#include "core/model/export/export_quantized.h"

namespace peftlab::cli {
namespace {

struct QuantizeOptions {
  std::string model, folder, type = "nf4", rules = "cuda", dtype = "auto";
  bool is_double = false, is_single = false;
  int64_t block_size = 64;
};

model::Quantization quantization_of(const QuantizeOptions& o) {
  if (o.is_double && o.is_single) throw ConfigError("quantize: expected either --double or --single");
  model::Quantization quantization;
  quantization.options.type = o.type;
  quantization.options.double_quantization = !o.is_single;
  quantization.options.block_size = o.block_size;
  quantization.options.cpu_rules = o.rules == "cpu";
  kernels::check_quantization(quantization.options);
  return quantization;
}

std::string formatted(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

void report(const QuantizeOptions& o, const model::QuantizedMatrices& m, torch::ScalarType type) {
  const auto mebibytes = [](int64_t bytes) { return formatted("%.1f MiB", static_cast<double>(bytes) / (1 << 20)); };
  const int64_t before = m.num_parameters * static_cast<int64_t>(c10::elementSize(type));
  std::cout << o.folder << ": " << o.model << " with " << m.count << " matrices in " << model::about(m) << "\n"
            << "size of the matrices: " << mebibytes(m.bytes) << " instead of " << mebibytes(before) << " in "
            << lab::type_name(type) << ", " << formatted("%.3f", m.bits_per_parameter()) << " bits a parameter\n";
  if (m.error) {
    std::cout << "root mean square error: " << formatted("%.4f", m.error->relative())
              << " standard deviations of a matrix\n";
  }
}

int quantize(const QuantizeOptions& o) {
  const auto quantization = quantization_of(o);
  model::check_new_folder(o.folder);
  const auto path = lab::model_path(o.model);
  const auto source = model::open_weights(path);
  const auto type = model::export_type(o.dtype, *source);
  const model::Weights weights(*source, type, torch::kCPU, {quantization, /*lazily=*/false});
  const bool has_tokenizer = model::write_quantized(o.folder, source->spec(), weights, type, quantization, path);
  report(o, *model::quantized_matrices(weights), type);
  if (!has_tokenizer) std::cout << "without a tokenizer: " << path.string() << " has none\n";
  return kDone;
}

}  // namespace

void add_quantize(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "quantize", "Write a model with its matrices in 4 bits, as transformers and bitsandbytes load it");
  auto o = std::make_shared<QuantizeOptions>();
  verb->add_option("model", o->model, "Hugging Face folder, GGUF file, or name in models.json")->required();
  verb->add_option("folder", o->folder, "the Hugging Face folder to make")->required();
  verb->add_option("--type", o->type, "the codes: nf4 or fp4")
      ->check(CLI::IsMember({"nf4", "fp4"}))
      ->capture_default_str();
  verb->add_flag("--double", o->is_double, "keep the scales of blocks in 8 bits too (as usual)");
  verb->add_flag("--single", o->is_single, "keep them as float32");
  verb->add_option("--block-size", o->block_size, "values that share a scale: a power of two from 32 to 4096")
      ->capture_default_str();
  verb->add_option("--rules", o->rules, "round as bitsandbytes' CUDA kernel or its CPU quantiser does: cuda, cpu")
      ->check(CLI::IsMember({"cuda", "cpu"}))
      ->capture_default_str();
  verb->add_option("--dtype", o->dtype,
                   "type that is quantised, and that the rest is written in: auto (the model's; bf16 for GGUF's "
                   "blocks), bf16, f16, f32")
      ->capture_default_str();
  set_example(*verb, "peftlab quantize smollm2-135m-instruct smollm2-nf4");
  verb->callback([o, &action] { action = [o] { return quantize(*o); }; });
}

}  // namespace peftlab::cli
