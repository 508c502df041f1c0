// An adapter that was written and read again.
#pragma once

#include <string>

#include "core/plugin/adapter_folder.h"
#include "tests/support/scratch.h"
#include "tests/support/toy.h"

namespace peftlab::test {

/// A golden model with the adapter of a toy, by way of a folder.
struct Read {
  model::Decoder decoder;
  lab::MethodSet set;

  Read(Toy& toy, const std::string& model, torch::ScalarType type = torch::kFloat64)
      : decoder(*model::open_weights(golden(model)), type, torch::kCPU) {
    const Scratch scratch;
    plugin::write_adapter(scratch / "adapter", toy.method().adapter("base"));
    set = lab::attach_adapter(decoder, scratch / "adapter", nullptr);
  }
};

}  // namespace peftlab::test
