// A toy experiment in a folder of its own, and runs that are written instead of trained.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/files.h"
#include "core/study/planned_run.h"
#include "tests/support/scratch.h"

namespace peftlab::study {

/// A tiny model with a chat template, a task of 24 lines of which 12 train, and the experiment toy.json.
class Toys : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("PEFTLAB_METHODS", (std::string(PEFTLAB_BUILD_DIR) + "/methods").c_str(), /*overwrite=*/1);
    ::setenv("PEFTLAB_ROOT", folder().c_str(), /*overwrite=*/1);
    const std::filesystem::path golden = std::filesystem::path(PEFTLAB_SOURCE_DIR) / "tests/golden/models/llama";
    std::filesystem::create_directories(folder() / "model");
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
      std::filesystem::copy_file(golden / name, folder() / "model" / name);
    }
    put("model/tokenizer_config.json",
        R"({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
            "chat_template": "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}</s>{% else %} : {% endif %}{% endfor %}"})");
    std::string lines;
    for (int i = 1; i <= 24; ++i) {
      lines += R"({"prompt": "the )" + std::string(static_cast<size_t>(i), 'a') +
               R"( road", "completion": "the a"})"
               "\n";
    }
    put("data.jsonl", lines);
    put("task.json", R"({"about": "a toy", "source": {"kind": "jsonl", "file": "data.jsonl"},
      "split": {"seed": 0, "sizes": {"train": 12, "dev": 4, "test": 4}}, "conversation": {"kind": "prompt_completion"},
      "answer": {"read": "text", "metric": "exact_match"}})");
    put("toy.json", experiment(2));
  }
  void TearDown() override {
    ::unsetenv("PEFTLAB_METHODS");
    ::unsetenv("PEFTLAB_ROOT");
  }

  static std::string experiment(int rank, const std::string& more = "") {
    return R"({"about": "a toy", "model": "model", "task": "task.json", "method": {"name": "lora", "rank": )" +
           std::to_string(rank) +
           R"(, "targets": "all-linear"}, "train": {"epochs": 2, "batch_size": 3, "learning_rate": 1e-2},
           "evaluate": {"max_new_tokens": 6, "forgetting": false})" +
           more + "}";
  }

  const std::filesystem::path& folder() const { return scratch_.folder(); }
  std::filesystem::path put(const std::string& name, const std::string& text) const {
    test::put(folder() / name, text);
    return folder() / name;
  }

  test::Scratch scratch_;
};

/// What a finished run leaves, with this accuracy on dev and test, and this loss on dev after `num_steps` steps.
inline void finish(PlannedRun& run, double accuracy, double dev_loss, int64_t num_steps) {
  std::filesystem::create_directories(run.folder);
  io::Json record = run.record;
  record["status"] = "finished";
  record["total_seconds"] = 1.5;
  record["results"]["tuned"] = {{"dev", {{"accuracy", accuracy}, {"num_items", 4}}},
                                {"test", {{"accuracy", accuracy}, {"num_items", 4}}}};
  io::write_file(run.folder / "run.json", record.dump());
  io::write_file(run.folder / "metrics.jsonl", R"({"step": 1, "dev_loss": 9.0})"
                                               "\n"
                                               R"({"step": )" +
                                                   std::to_string(num_steps) + R"(, "dev_loss": )" +
                                                   std::to_string(dev_loss) + "}\n");
  run.state = RunState::finished;
}

}  // namespace peftlab::study
