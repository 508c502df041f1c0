// A model for the verbs that answer: base model, or base model with the adapter of a run.
#pragma once

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

/// `name`: a run's folder (its adapter on its base model), or a model. `adapter`: an adapter folder put on the model instead.
/// `dtype` as choose_type takes it, `device` "auto", "cpu" or "cuda".
Loaded load(const std::string& name, const std::string& adapter, const std::string& dtype, const std::string& device);

}  // namespace peftlab::cli
