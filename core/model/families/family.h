// Families of architectures: how config.json says what a model is made of, one file each.
#pragma once

#include <map>
#include <string>

#include "core/model/families/config_reader.h"

namespace peftlab::model::families {

struct Family {
  std::map<std::string, const char*> classes;  // model_type -> class of transformers
  /// Fills in everything but the architecture and whether the head is tied.
  void (*read)(ConfigReader& config, DecoderSpec& spec);
  /// The fields of config.json beyond those that every model has.
  nlohmann::json (*write)(const DecoderSpec& spec);
  bool tied_head;  // where config.json does not say
};

const Family& llama();  // llama, mistral, qwen2, qwen3
const Family& gemma();  // gemma, gemma2
const Family& phi3();
const Family& glm();  // glm, glm4
const Family& gpt2();
const Family& gpt_neo();

}  // namespace peftlab::model::families
