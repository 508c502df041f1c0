// Models of a few kilobytes, made in memory from a specification and a seed: what methods are tried on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model/sources/weight_source.h"
#include "peftlab/method.h"

namespace peftlab::check {

/// An architecture kind, small.
struct ToyModel {
  const char* name;    // what `--model` takes
  const char* about;   // what it is there for
  const char* config;  // as config.json would say it
};

/// Every kind, the plainest first.
const std::vector<ToyModel>& toy_models();

/// Throws ConfigError that lists the names there are.
const ToyModel& toy_model(const std::string& name);

/// The kind with normal weights of such sizes that activations neither vanish nor grow; the same values in every type,
/// up to rounding. A function of kind and seed alone.
std::unique_ptr<model::WeightSource> toy_source(const ToyModel& model, uint64_t seed);

/// A model whose tensors are at hand, by Hugging Face name.
std::unique_ptr<model::WeightSource> memory_source(const model::DecoderSpec& spec, Tensors tensors);

}  // namespace peftlab::check
