// What a method saves, PEFT loads: no key missing or unexpected, equal logits; and what PEFT then saves is read here.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/lab/child_process.h"
#include "core/plugin/adapter_folder.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

/// The options of every method that PEFT has, so that each kind of tensor is written once; then what PEFT does in ways
/// of its own on matrices kept as (in, out), and on a table whose rows the model scales.
const std::map<std::string, std::vector<std::string>> kMethods = {
    {"models/llama",
     {R"({"name": "lora", "rank": 4, "alpha": 8, "targets": "all-linear"})",
      R"({"name": "lora", "rank": 4, "rslora": true, "targets": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}})",
      R"({"name": "lora", "rank": 2, "targets": ["embed_tokens", "q_proj"], "modules_to_save": ["lm_head"]})",
      R"({"name": "lora", "rank": 2, "targets": ["q_proj"], "modules_to_save": ["norm", "1.mlp.up_proj"]})",
      R"({"name": "lora", "rank": 4, "targets": ["q_proj", "v_proj"], "init": "pissa"})",
      R"({"name": "dora", "rank": 4, "targets": ["q_proj", "down_proj"]})",
      R"({"name": "adalora", "init_rank": 4, "target_rank": 2, "targets": ["q_proj", "v_proj"]})",
      R"({"name": "prompt_tuning", "num_virtual_tokens": 5})",
      R"({"name": "p_tuning", "num_virtual_tokens": 5, "encoder_hidden_size": 16})",
      R"({"name": "prefix_tuning", "num_virtual_tokens": 5})",
      R"({"name": "ia3"})",
      R"({"name": "vera", "rank": 8})",
      R"({"name": "oft", "block_size": 4, "targets": ["q_proj", "v_proj"]})",
      R"({"name": "loha", "rank": 2, "targets": ["q_proj", "v_proj"]})",
      R"({"name": "lokr", "rank": 2, "targets": ["q_proj", "v_proj"]})",
      R"({"name": "ia3", "targets": ["q_proj", "lm_head"], "feedforward": []})",
      R"({"name": "vera", "rank": 4, "targets": ["q_proj", "lm_head"]})",
      R"({"name": "oft", "block_size": 4, "targets": ["lm_head"]})",
      R"({"name": "loha", "rank": 2, "targets": ["q_proj", "lm_head"]})",
      R"({"name": "lokr", "rank": 2, "targets": ["q_proj", "lm_head"]})",
      R"({"name": "ln_tuning"})",
      R"({"name": "trainable_tokens", "token_ids": [3, 9]})",
      R"({"name": "lora", "rank": 3, "init": "pissa", "rank_pattern": {"v_proj": 2}, "targets": ["q_proj", "v_proj"]})",
      R"({"name": "lora", "rank": 3, "init": "olora", "rslora": true, "targets": "all-linear"})",
      R"({"name": "lora", "rank": 2, "targets": ["q_proj"], "trainable_token_indices": [81, 3]})",
      R"({"name": "dora", "rank": 4, "alpha": 8, "targets": ["embed_tokens", "q_proj", "down_proj"]})"}},
    {"models/gpt2",
     {R"({"name": "dora", "rank": 4, "targets": ["c_attn"], "modules_to_save": ["wte"]})",
      R"({"name": "lora", "rank": 4, "targets": ["wte", "c_attn", "mlp.c_proj"]})",
      R"({"name": "lora", "rank": 4, "alpha": 6, "target_parameters": ["attn.c_attn.weight", "mlp.c_fc.weight"]})",
      R"({"name": "lora", "rank": 3, "init": "olora", "target_parameters": ["attn.c_attn.weight"]})",
      R"({"name": "dora", "rank": 4, "targets": ["c_attn"]})",
      R"({"name": "adalora", "init_rank": 4, "target_rank": 2, "targets": ["c_attn"]})", R"({"name": "ia3"})",
      R"({"name": "vera", "rank": 8})"}},
    {"models/gemma",
     {R"({"name": "lora", "rank": 4, "alpha": 6, "targets": ["embed_tokens", "q_proj"]})",
      R"({"name": "dora", "rank": 4, "targets": ["embed_tokens"]})",
      R"({"name": "adalora", "init_rank": 4, "target_rank": 2, "targets": ["q_proj"],
          "modules_to_save": ["embed_tokens"]})",
      R"({"name": "lora", "rank": 2, "targets": ["q_proj"], "trainable_token_indices": [81, 3]})",
      R"({"name": "trainable_tokens", "token_ids": [3, 9]})"}}};

class PeftPeer : public testing::Test {
 protected:
  void SetUp() override {
    const char* python = std::getenv("PEFTLAB_PEER_PYTHON");
    if (python == nullptr) GTEST_SKIP() << "PEFTLAB_PEER_PYTHON names no Python with peft and transformers";
    python_ = python;
    work_ = fs::path(testing::TempDir()) / ("peft_peer_" + std::to_string(::getpid()));
    fs::create_directories(work_);
  }
  void TearDown() override {
    std::error_code ignored;
    if (!work_.empty()) fs::remove_all(work_, ignored);
  }

  static torch::Tensor logits(test::Toy& toy, const torch::Tensor& ids) {
    torch::NoGradGuard no_grad;
    return toy.decoder->logits(toy.decoder->hidden(batch_of(ids))).unsqueeze(0);
  }
  static model::Batch batch_of(const torch::Tensor& ids) {
    return model::make_batch({model::unlabelled({ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()})},
                             false);
  }

  void go_there_and_back(const std::string& model, const std::vector<std::string>& methods);

  std::string python_;
  fs::path work_;
};

TEST_F(PeftPeer, LoadsWhatIsSavedAndSavesWhatIsLoaded) {
  for (const auto& [model, methods] : kMethods) {
    SCOPED_TRACE(model);
    go_there_and_back(model, methods);
  }
}

void PeftPeer::go_there_and_back(const std::string& base, const std::vector<std::string>& methods) {
  const auto ids = torch::tensor({{3, 9, 27, 81, 5, 1, 100}}, torch::kInt64);
  std::vector<std::string> command = {python_, std::string(PEFTLAB_SOURCE_DIR) + "/tests/lab/peft_round_trip.py",
                                      test::golden(base).string()};
  std::vector<torch::Tensor> ours;
  for (size_t i = 0; i < methods.size(); ++i) {
    const fs::path folder = work_ / base / std::to_string(i);
    fs::create_directories(folder);
    test::Toy toy(methods[i], torch::kFloat32, 0, base);
    toy.perturb();
    toy.method().train(false);
    ours.push_back(logits(toy, ids));
    plugin::write_adapter(folder / "adapter", toy.method().adapter(test::golden(base).string()));
    plugin::write_tensors(folder / "input.safetensors", {{"input_ids", ids}});
    command.push_back(folder.string());
  }
  const auto done = lab::run_child(command);
  ASSERT_EQ(done.status, 0) << done.errors;
  std::istringstream lines(done.output);
  for (size_t i = 0; i < methods.size(); ++i) {
    SCOPED_TRACE(methods[i]);
    const fs::path folder = work_ / base / std::to_string(i);
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line, R"({"missing": [], "unexpected": []})");
    const auto theirs = plugin::read_tensors(folder / "output.safetensors").at("logits");
    EXPECT_LT(test::difference(ours[i], theirs), 1e-4);
    model::Decoder decoder(*model::open_weights(test::golden(base)), torch::kFloat32, torch::kCPU);
    EXPECT_GT(test::difference(decoder.logits(decoder.hidden(batch_of(ids))).unsqueeze(0),
                               theirs.narrow(1, theirs.size(1) - 7, 7)),
              1e-3);
    const auto again = lab::attach_adapter(decoder, folder / "again", nullptr);
    torch::NoGradGuard no_grad;
    EXPECT_LT(test::difference(decoder.logits(decoder.hidden(batch_of(ids))).unsqueeze(0), theirs), 1e-4);
  }
}

}  // namespace
}  // namespace peftlab
