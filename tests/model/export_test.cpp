// Models written as Hugging Face folders: read again by peftlab, and by transformers where it is at hand.
#include "core/model/export/export.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "core/io/files.h"
#include "core/io/safetensors.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"
#include "tests/model/tiny_gguf.h"
#include "tests/support/golden.h"
#include "tests/support/scratch.h"
#include "tests/support/tolerance.h"

namespace peftlab::model {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using testing::HasSubstr;

using test::Scratch;

bool export_model(const fs::path& from, const fs::path& to, const std::string& dtype) {
  const auto source = open_weights(from);
  const auto type = export_type(dtype, *source);
  return write_hugging_face(to, source->spec(), all_tensors(*source, type), type, from);
}

torch::Tensor logits_of(const fs::path& model, const std::vector<int64_t>& ids) {
  torch::NoGradGuard no_grad;
  const Decoder decoder(*open_weights(model), torch::kFloat32, torch::kCPU);
  return decoder.logits(decoder.hidden(make_batch({unlabelled(ids)}, /*share_beginning=*/false)));
}

class ExportGolden : public testing::TestWithParam<const char*> {};

TEST_P(ExportGolden, SameTensorsAndLogits) {
  const Scratch scratch;
  const auto from = test::golden(std::string("models/") + GetParam());
  const auto to = scratch / "deep" / "copy";
  export_model(from, to, "auto");
  const auto before = open_weights(from), after = open_weights(to);
  EXPECT_EQ(after->stored_type(), before->stored_type());
  size_t compared = 0;
  for (const auto& name : after->names()) {
    EXPECT_TRUE(torch::equal(after->read(name, torch::kFloat32), before->read(name, torch::kFloat32))) << name;
    ++compared;
  }
  EXPECT_EQ(compared, before->names().size());
  EXPECT_TRUE(torch::equal(logits_of(to, {1, 5, 9, 70, 3, 4}), logits_of(from, {1, 5, 9, 70, 3, 4})));
}

INSTANTIATE_TEST_SUITE_P(LlamaFamily, ExportGolden,
                         testing::Values("llama", "llama_bf16", "llama_bias", "llama_linear_rope", "llama_tied", "mistral", "qwen2", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

INSTANTIATE_TEST_SUITE_P(OtherFamilies, ExportGolden,
                         testing::Values("gemma", "gemma2", "glm", "glm4", "gpt2", "gpt_neo", "phi3", "phi3_longrope"),
                         [](const auto& info) { return std::string(info.param); });

/// The files of GPT-2 that are most in use were saved from the model without its head, with the masks of old versions in them.
TEST(Export, AModelSavedWithoutItsHeadIsReadUnderItsFullNames) {
  const Scratch scratch;
  fs::create_directory(scratch / "bare");
  fs::copy_file(test::golden("models/gpt2") / "config.json", scratch / "bare" / "config.json");
  const auto write = [&](const std::string& extra) {
    Tensors tensors;
    for (const auto& [name, tensor] : test::golden_tensors("models/gpt2/model.safetensors")) {
      tensors[name.substr(std::string("transformer.").size())] = tensor;
    }
    tensors["h.0." + extra] = torch::ones({1, 1, 4, 4});
    plugin::write_tensors(scratch / "bare" / "model.safetensors", tensors);
  };
  write("attn.bias");
  EXPECT_TRUE(torch::equal(logits_of(scratch / "bare", {1, 5, 9}), logits_of(test::golden("models/gpt2"), {1, 5, 9})));
  EXPECT_EQ(open_weights(scratch / "bare")->stored_type(), "F32");
  export_model(scratch / "bare", scratch / "whole", "auto");
  EXPECT_TRUE(io::SafetensorsSet(scratch / "whole").find("transformer.h.1.mlp.c_fc.weight") != nullptr);
  write("attn.other");
  EXPECT_THAT(message_of([&] { logits_of(scratch / "bare", {1}); }),
              HasSubstr("tensor transformer.h.0.attn.other is not part of architecture gpt2"));
}

TEST(Export, GgufFilesOfOtherArchitecturesAreRefusedByName) {
  const Scratch scratch;
  auto metadata = test::tiny_metadata();
  metadata.front().second = std::string("gpt2");
  test::write_tiny_gguf(scratch / "tiny.gguf", metadata, /*vocabulary=*/12);
  EXPECT_THAT(message_of([&] { open_weights(scratch / "tiny.gguf"); }),
              HasSubstr("general.architecture is 'gpt2', expected llama, qwen2 or qwen3"));
}

TEST(Export, RefusesWhatTheConfigurationCannotSay) {
  const Scratch scratch;
  const auto source = open_weights(test::golden("models/gpt2"));
  const auto tensors = all_tensors(*source, torch::kFloat32);
  auto spec = source->spec();
  spec.logit_softcap = 30.0;
  EXPECT_THAT(message_of([&] { write_hugging_face(scratch / "x", spec, tensors, torch::kFloat32, source->path()); }),
              HasSubstr("config.json of architecture gpt2 cannot say how this model is built"));
}

TEST(Export, TiedHeadIsLeftOutAndFilesAreCopied) {
  const Scratch scratch;
  export_model(test::golden("models/llama_tied"), scratch / "tied", "bf16");
  EXPECT_FALSE(open_weights(scratch / "tied")->has("lm_head.weight"));
  EXPECT_EQ(open_weights(scratch / "tied")->stored_type(), "BF16");
  EXPECT_TRUE(export_model(test::golden("models/llama"), scratch / "whole", "f16"));
  EXPECT_EQ(open_weights(scratch / "whole")->stored_type(), "F16");
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    EXPECT_EQ(io::read_file(scratch / "whole" / name), io::read_file(test::golden("models/llama") / name)) << name;
  }
  const auto config = io::read_json(scratch / "whole" / "config.json").value;
  EXPECT_EQ(config.at("bos_token_id"), 1);
  EXPECT_EQ(config.at("dtype"), "float16");
}

TEST(Export, NothingIsWrittenOver) {
  const Scratch scratch;
  fs::create_directory(scratch / "full");
  std::ofstream(scratch / "full" / "mine.txt") << "x";
  EXPECT_THAT(message_of([&] { export_model(test::golden("models/llama"), scratch / "full", "f32"); }),
              HasSubstr("exists already and is not written over; give the name of a new folder"));
  EXPECT_TRUE(fs::exists(scratch / "full" / "mine.txt"));
  fs::create_directory(scratch / "empty");
  EXPECT_TRUE(export_model(test::golden("models/llama"), scratch / "empty", "f32"));
  EXPECT_THAT(message_of([] { check_new_folder(""); }), HasSubstr("empty name"));
}

TEST(Export, RefusesTypesAndValuesThatDoNotFit) {
  const Scratch scratch;
  const auto source = open_weights(test::golden("models/llama"));
  EXPECT_THAT(message_of([&] { export_type("q4", *source); }), HasSubstr("dtype 'q4' is not known; expected auto, bf16, f16 or f32"));
  auto tensors = all_tensors(*source, torch::kFloat32);
  tensors.at("model.norm.weight") = torch::full({32}, 1e6F);
  EXPECT_THAT(message_of([&] { write_hugging_face(scratch / "x", source->spec(), tensors, torch::kFloat16, source->path()); }),
              HasSubstr("tensor model.norm.weight has values beyond float16's largest"));
  EXPECT_FALSE(fs::exists(scratch / "x"));
  auto spec = source->spec();
  spec.query_key_value_bias = true;
  EXPECT_THAT(message_of([&] { write_hugging_face(scratch / "x", spec, tensors, torch::kFloat32, source->path()); }),
              HasSubstr("config.json of architecture llama cannot say how this model is built"));
}

const std::vector<std::string> kTexts = {"hello", "hello lower", " lo  hello", "wow<|turn|>he", "", "lower\nhello", "</s>llo", "é 臺"};

void expect_same_tokenizer(const fs::path& gguf, const fs::path& folder, const std::vector<std::string>& texts) {
  const auto before = text::Tokenizer::load(gguf), after = text::Tokenizer::load(folder);
  for (const auto& one : texts) {
    for (const bool special : {false, true}) EXPECT_EQ(after.encode(one, special), before.encode(one, special)) << one;
    const auto ids = before.encode(one, true);
    EXPECT_EQ(after.decode(ids, false), before.decode(ids, false)) << one;
  }
  EXPECT_EQ(after.end_of_generation_ids(), before.end_of_generation_ids());
  EXPECT_EQ(after.bos_id(), before.bos_id());
  EXPECT_EQ(after.chat_template(), before.chat_template());
  EXPECT_GT(before.encode("hello", false).size(), 0U);
}

TEST(Export, ByteLevelTokenizerOfAGgufFile) {
  const Scratch scratch;
  auto metadata = test::tiny_metadata();
  test::add_byte_level(metadata);
  test::write_tiny_gguf(scratch / "tiny.gguf", metadata, /*vocabulary=*/12);
  EXPECT_TRUE(export_model(scratch / "tiny.gguf", scratch / "hf", "f32"));
  expect_same_tokenizer(scratch / "tiny.gguf", scratch / "hf", {kTexts.begin(), kTexts.begin() + 5});
  EXPECT_TRUE(torch::equal(logits_of(scratch / "hf", {1, 2, 3}), logits_of(scratch / "tiny.gguf", {1, 2, 3})));
}

TEST(Export, SentencePieceTokenizerOfAGgufFile) {
  const Scratch scratch;
  auto metadata = test::tiny_metadata();
  const int64_t vocabulary = test::add_sentence_piece(metadata);
  test::write_tiny_gguf(scratch / "tiny.gguf", metadata, vocabulary);
  EXPECT_TRUE(export_model(scratch / "tiny.gguf", scratch / "hf", "f32"));
  expect_same_tokenizer(scratch / "tiny.gguf", scratch / "hf", kTexts);
}

TEST(Export, GgufWithoutATokenizer) {
  const Scratch scratch;
  test::write_tiny_gguf(scratch / "tiny.gguf", test::tiny_metadata(), /*vocabulary=*/12);
  EXPECT_FALSE(export_model(scratch / "tiny.gguf", scratch / "hf", "auto"));
  EXPECT_FALSE(fs::exists(scratch / "hf" / "tokenizer.json"));
}

constexpr const char* kModelPeer = R"(
import json, sys, torch
from transformers import AutoModelForCausalLM
answers = {}
for folder in sys.argv[2:]:
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    answers[folder] = [model(torch.tensor([[(7 * i) % 100 + 3 for i in range(n)]])).logits[0].tolist() for n in (12, 20)]
json.dump(answers, open(sys.argv[1], "w"))
)";

TEST(Export, TransformersComputesTheSameFromEveryArchitecture) {
  const char* python = std::getenv("PEFTLAB_PEER_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "PEFTLAB_PEER_PYTHON names no Python with transformers";
  const Scratch scratch;
  io::write_file(scratch / "peer.py", kModelPeer);
  const std::vector<std::string> models = {"llama", "llama_tied", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "glm", "glm4", "gpt2",
                                           "gpt_neo", "phi3", "phi3_longrope"};
  std::string folders;
  for (const auto& model : models) {
    export_model(test::golden("models/" + model), scratch / model, "f32");
    folders.append(" ").append((scratch / model).string());
  }
  const std::string command = std::string(python) + " " + (scratch / "peer.py").string() + " " + (scratch / "out.json").string() + folders +
                              " > " + (scratch / "log").string() + " 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << io::read_file(scratch / "log");
  const auto peer = io::read_json(scratch / "out.json").value;
  for (const auto& model : models) {
    const auto& answers = peer.at((scratch / model).string());
    for (const auto& rows : answers) {
      std::vector<int64_t> ids;
      for (size_t i = 0; i < rows.size(); ++i) ids.push_back(static_cast<int64_t>(7 * i) % 100 + 3);
      const auto logits = logits_of(scratch / model, ids);
      for (size_t row = 0; row < rows.size(); ++row) {
        const auto expected = torch::tensor(rows[row].get<std::vector<double>>());
        EXPECT_LT(test::difference(logits[static_cast<int64_t>(row)], expected), 1e-4 * test::magnitude(logits)) << model << " row " << row;
      }
    }
  }
}

constexpr const char* kPeer = R"(
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, texts, out = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
tokenizer = AutoTokenizer.from_pretrained(folder)
logits = model(torch.tensor([[1, 2, 3, 4]])).logits[0]
json.dump({"ids": [tokenizer(t)["input_ids"] for t in texts], "logits": logits.tolist(),
           "chat": tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False) if tokenizer.chat_template else None},
          open(out, "w"))
)";

TEST(Export, TransformersReadsTheSame) {
  const char* python = std::getenv("PEFTLAB_PEER_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "PEFTLAB_PEER_PYTHON names no Python with transformers";
  for (const bool byte_level : {true, false}) {
    const Scratch scratch;
    auto metadata = test::tiny_metadata();
    int64_t vocabulary = 12;
    byte_level ? test::add_byte_level(metadata) : static_cast<void>(vocabulary = test::add_sentence_piece(metadata));
    test::write_tiny_gguf(scratch / "tiny.gguf", metadata, vocabulary);
    export_model(scratch / "tiny.gguf", scratch / "hf", "f32");
    io::write_file(scratch / "peer.py", kPeer);
    const std::vector<std::string> texts(kTexts.begin(), kTexts.begin() + (byte_level ? 5 : 8));
    const std::string command = std::string(python) + " " + (scratch / "peer.py").string() + " " + (scratch / "hf").string() + " '" +
                                io::Json(texts).dump() + "' " + (scratch / "out.json").string() + " > " + (scratch / "log").string() + " 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << io::read_file(scratch / "log");
    const auto peer = io::read_json(scratch / "out.json").value;
    const auto tokenizer = text::Tokenizer::load(scratch / "tiny.gguf");
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(peer.at("ids")[i].get<std::vector<int64_t>>(), tokenizer.encode(texts[i], true)) << texts[i];
    }
    const auto logits = logits_of(scratch / "tiny.gguf", {1, 2, 3, 4});
    for (int64_t row = 0; row < 4; ++row) {
      const auto expected = torch::tensor(peer.at("logits")[static_cast<size_t>(row)].get<std::vector<double>>());
      EXPECT_LT(test::difference(logits[row], expected), 1e-4 * test::magnitude(logits)) << row;
    }
    EXPECT_EQ(peer.at("chat").is_null(), !byte_level);
    if (byte_level) {
      EXPECT_EQ(peer.at("chat"), "hello<|turn|>");
    }
  }
}

}  // namespace
}  // namespace peftlab::model
