// What a decoder is made of, as data: one specification per architecture family, read from Hugging Face or GGUF metadata.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/gguf.h"
#include "core/io/json.h"
#include "core/kernels/gated.h"
#include "core/model/rotary_frequencies.h"
#include "peftlab/points.h"

namespace peftlab::model {

enum class NormKind { rms, layer };

struct NormSpec {
  NormKind kind = NormKind::rms;
  double epsilon = 1e-6;
  bool plus_one = false;    // multiply by 1 + w (Gemma)
  bool cast_first = true;   // round to the activation type before multiplying by w (Llama); Gemma rounds after
};

/// Rotary position embedding. The frequencies already hold every scaling, so that the model only multiplies.
struct RotarySpec {
  int64_t width = 0;                     // R, rotated elements of each head; 0: none
  bool pairs = false;                    // adjacent pairs instead of halves
  RopeScaling scaling;                   // where the frequencies come from, for config.json
  std::vector<double> frequencies;       // (R/2)
  std::vector<double> long_frequencies;  // (R/2), for texts longer than scaling.original_positions; empty: the same
  /// Sets the width and what follows from it and the scaling.
  void set(int64_t rotary_width, const RopeScaling& rope);
};

struct MlpSpec {
  kernels::Activation activation = kernels::Activation::kSilu;
  bool gated = true;
};

/// Module names below a layer ("self_attn.q_proj") and outside the layers ("model.norm"), as Hugging Face spells them.
struct ModuleNames {
  std::string base = "model";  // what a checkpoint of the model without its head leaves out
  std::string embedding = "model.embed_tokens";
  std::string positions;  // the table of learned positions; "": none
  std::string final_norm = "model.norm";
  std::string head = "lm_head";
  std::string layers = "model.layers.";
  std::vector<std::string> query_key_value = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
  std::string attention_output = "self_attn.o_proj";
  std::string query_norm = "self_attn.q_norm";
  std::string key_norm = "self_attn.k_norm";
  std::vector<std::string> mlp_input = {"mlp.gate_proj", "mlp.up_proj"};
  std::string mlp_output = "mlp.down_proj";
  std::string attention_norm = "input_layernorm";
  std::string attention_post_norm;  // of what the attention adds; "": none
  std::string mlp_norm = "post_attention_layernorm";
  std::string mlp_post_norm;         // of what the MLP adds; "": none
  std::vector<std::string> ignored;  // ends of the names of buffers in old files
};

struct DecoderSpec {
  ModelShape shape;
  NormSpec norm;
  bool query_key_norm = false;           // RMS norm of each query and key head before the rotation
  RotarySpec rotary;
  double embedding_scale = 1.0;          // on the rows of the table, rounded to their type
  std::vector<double> attention_scales;  // (L), on the scores
  double attention_softcap = 0.0;        // on the scores: cap * tanh(score / cap); 0: none
  double logit_softcap = 0.0;            // on the logits; 0: none
  std::vector<int64_t> windows;          // (L), 0: full attention
  bool query_key_value_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool fan_in_fan_out = false;           // files keep the matrices of the layers as (in, out)
  MlpSpec mlp;
  int64_t max_positions = 0;             // rows of the table of learned positions, where there is one
  ModuleNames names;

  std::string layer_name(int64_t layer, const std::string& module) const;
};

/// Reads config.json in the spelling of transformers 4 or 5. Throws ConfigError for an architecture, rope type or field value
/// that is not supported, naming it, and for sizes that do not fit together.
DecoderSpec spec_from_hugging_face(const io::Document& config);

/// config.json as transformers 4 and 5 both read it.
io::Json hugging_face_config(const DecoderSpec& spec, const std::string& dtype);

/// Reads the metadata of a GGUF file of architecture llama, qwen2 or qwen3.
DecoderSpec spec_from_gguf(const io::GgufFile& file);

/// 1 / sqrt(head width) in every layer.
std::vector<double> usual_attention_scales(const ModelShape& shape);

/// Throws ConfigError "<where>: ..." when sizes are absurd or do not fit together.
void check_spec(const DecoderSpec& spec, const std::string& where);

}  // namespace peftlab::model
