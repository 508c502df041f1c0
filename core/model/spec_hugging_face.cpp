#include <array>

#include "core/model/families/family.h"

namespace peftlab::model {
namespace {

using families::Family;

const std::array<const Family*, 6>& all_families() {
  static const std::array<const Family*, 6> all = {&families::llama(), &families::gemma(), &families::phi3(),
                                                   &families::glm(),   &families::gpt2(),  &families::gpt_neo()};
  return all;
}

const Family& family_of(const std::string& architecture) {
  for (const Family* family : all_families()) {
    if (family->classes.contains(architecture)) return *family;
  }
  TORCH_CHECK(false, "no family has an architecture ", architecture);
}

std::vector<std::string> all_architectures() {
  std::vector<std::string> names;
  for (const Family* family : all_families()) {
    for (const auto& [name, unused] : family->classes) names.push_back(name);
  }
  return names;
}

}  // namespace

DecoderSpec spec_from_hugging_face(const io::Document& document) {
  families::ConfigReader config(document);
  DecoderSpec spec;
  spec.shape.architecture = config.keys.choice("model_type", std::nullopt, all_architectures(), "architecture");
  config.mistakes.throw_if_any();
  const Family& family = family_of(spec.shape.architecture);
  family.read(config, spec);
  spec.shape.embedding = spec.names.embedding;
  spec.shape.tied_head = config.keys.flag("tie_word_embeddings", family.tied_head, "whether the head is the embedding table");
  config.mistakes.throw_if_any();
  check_spec(spec, document.where(""));
  return spec;
}

io::Json hugging_face_config(const DecoderSpec& spec, const std::string& dtype) {
  const Family& family = family_of(spec.shape.architecture);
  nlohmann::json config = family.write(spec);
  config["architectures"] = nlohmann::json::array({family.classes.at(spec.shape.architecture)});
  config["dtype"] = config["torch_dtype"] = dtype;
  config["model_type"] = spec.shape.architecture;
  config["tie_word_embeddings"] = spec.shape.tied_head;
  config["vocab_size"] = spec.shape.vocab_size;
  return io::Json(config);
}

}  // namespace peftlab::model
