// Models written as Hugging Face folders: read again by peftlab, and by transformers where it is at hand.
#include "core/model/export.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "core/io/files.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"
#include "tests/model/tiny_gguf.h"
#include "tests/support/golden.h"
#include "tests/support/tolerance.h"

namespace peftlab::model {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using testing::HasSubstr;

class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "peftlab-export-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

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
  int compared = 0;
  for (const auto& name : after->names()) {
    EXPECT_TRUE(torch::equal(after->read(name, torch::kFloat32), before->read(name, torch::kFloat32))) << name;
    ++compared;
  }
  EXPECT_GE(compared, 20);
  EXPECT_TRUE(torch::equal(logits_of(to, {1, 5, 9, 70, 3, 4}), logits_of(from, {1, 5, 9, 70, 3, 4})));
}

INSTANTIATE_TEST_SUITE_P(LlamaFamily, ExportGolden,
                         testing::Values("llama", "llama_bf16", "llama_bias", "llama_linear_rope", "llama_tied", "mistral", "qwen2", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

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
