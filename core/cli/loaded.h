// A model for the verbs that answer: base model, or base model with the adapter of a run.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "core/data/chat_format.h"
#include "core/lab/method_set.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"

namespace peftlab::cli {

struct Loaded {
  std::filesystem::path path;  // of the base model
  text::Tokenizer tokenizer;
  std::unique_ptr<model::Decoder> decoder;
  lab::MethodSet methods;      // empty for a base model
  std::string title;           // "smollm2-135m-instruct with lora (runs/…)"

  /// The model's chat template. Throws ConfigError when it has none.
  std::unique_ptr<data::ChatFormat> format() const;
};

struct LoadOptions {
  std::string model, adapter, dtype = "auto", device = "auto";
  bool other_base = false;

  void add_to(CLI::App& verb);
};

/// `model`: a run's folder (its adapter on its base model), or a model. `adapter`: an adapter folder put on the model
/// instead. `dtype` as choose_type takes it, `device` "auto", "cpu" or "cuda". Throws ConfigError as check_base does
/// unless `other_base`.
Loaded load(const LoadOptions& options);

/// "--other-base".
void add_other_base(CLI::App& verb, bool& other_base);

}  // namespace peftlab::cli
