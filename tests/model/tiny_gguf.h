// A llama of two layers with a tokenizer of its own, as a GGUF file.
#pragma once

#include <torch/types.h>
#include <torch/utils.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/io/gguf.h"

namespace peftlab::test {

inline constexpr int64_t kTinyWidth = 16, kTinyLayers = 2, kTinyHeads = 2;

/// What a model of `vocabulary` tokens needs in the metadata, without a tokenizer.
inline io::GgufMetadata tiny_metadata() {
  return {{"general.architecture", std::string("llama")},
          {"llama.embedding_length", static_cast<uint32_t>(kTinyWidth)},
          {"llama.feed_forward_length", static_cast<uint32_t>(kTinyWidth)},
          {"llama.block_count", static_cast<uint32_t>(kTinyLayers)},
          {"llama.attention.head_count", static_cast<uint32_t>(kTinyHeads)},
          {"llama.attention.layer_norm_rms_epsilon", 1e-5F},
          {"llama.rope.freq_base", 10000.0F},
          {"llama.context_length", uint32_t{64}}};
}

/// Adds the letters of "hello lower" byte by byte, three merges and a turn token.
inline void add_byte_level(io::GgufMetadata& metadata) {
  const std::vector<std::string> tokens = {"<|end|>", "h", "e", "l", "o", "w", "r", "Ġ", "he", "ll", "Ġl", "<|turn|>"};
  metadata.push_back({"tokenizer.ggml.model", std::string("gpt2")});
  metadata.push_back({"tokenizer.ggml.pre", std::string("smollm")});
  metadata.push_back({"tokenizer.ggml.tokens", tokens});
  metadata.push_back({"tokenizer.ggml.token_type", std::vector<int32_t>{3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3}});
  metadata.push_back({"tokenizer.ggml.merges", std::vector<std::string>{"h e", "l l", "Ġ l"}});
  metadata.push_back({"tokenizer.ggml.eos_token_id", uint32_t{11}});
  metadata.push_back({"tokenizer.ggml.bos_token_id", uint32_t{0}});
  metadata.push_back({"tokenizer.chat_template", std::string("{{ messages[0]['content'] }}<|turn|>")});
}

/// Adds a SentencePiece vocabulary with byte fallback and scores in place of merges.
inline int64_t add_sentence_piece(io::GgufMetadata& metadata) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<float> scores(3, 0.0F);
  std::vector<int32_t> types = {2, 3, 3};
  char name[8];
  for (int byte = 0; byte < 256; ++byte) {
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    tokens.push_back(name);
    scores.push_back(0.0F);
    types.push_back(6);
  }
  float score = -1.0F;
  for (const char* piece : {"he", "ll", "▁l", "llo", "hello", "▁lo", "▁hello", "▁", "h", "e", "l", "o", "w", "r"}) {
    tokens.push_back(piece);
    scores.push_back(score--);
    types.push_back(1);
  }
  metadata.push_back({"tokenizer.ggml.model", std::string("llama")});
  metadata.push_back({"tokenizer.ggml.tokens", tokens});
  metadata.push_back({"tokenizer.ggml.scores", scores});
  metadata.push_back({"tokenizer.ggml.token_type", types});
  metadata.push_back({"tokenizer.ggml.unknown_token_id", uint32_t{0}});
  metadata.push_back({"tokenizer.ggml.bos_token_id", uint32_t{1}});
  metadata.push_back({"tokenizer.ggml.eos_token_id", uint32_t{2}});
  return static_cast<int64_t>(tokens.size());
}

/// Writes float32 weights of fixed random values; `extra` names further vectors of kTinyWidth.
inline void write_tiny_gguf(const std::filesystem::path& path, const io::GgufMetadata& metadata, int64_t vocabulary,
                            const std::vector<std::string>& extra = {}) {
  auto generator = at::detail::createCPUGenerator(/*seed_val=*/7);
  std::vector<torch::Tensor> kept;
  std::vector<io::GgufTensor> tensors;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    kept.push_back(torch::randn(shape, generator) * 0.3);
    const auto& t = kept.back();
    tensors.push_back({name, io::GgmlType::kF32, shape, static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()});
  };
  add("token_embd.weight", {vocabulary, kTinyWidth});
  add("output_norm.weight", {kTinyWidth});
  for (int64_t layer = 0; layer < kTinyLayers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    for (const char* norm : {"attn_norm", "ffn_norm"}) add(block + norm + ".weight", {kTinyWidth});
    for (const char* matrix : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
      add(block + matrix + ".weight", {kTinyWidth, kTinyWidth});
    }
  }
  for (const auto& name : extra) add(name, {kTinyWidth});
  io::write_gguf(path, metadata, tensors);
}

}  // namespace peftlab::test
