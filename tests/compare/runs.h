// Runs' folders as `peftlab run` leaves them, small, and runs in memory.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/compare/run.h"
#include "core/io/json.h"
#include "tests/support/scratch.h"

namespace peftlab::compare {

inline void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

/// run.json of a finished run of `name` that scored `accuracy` on `num_items` items.
inline io::Json record(const std::string& name, int64_t seed, double accuracy, int64_t num_items) {
  return io::Json::parse(R"({
    "peftlab": "0.1.0", "result_version": 1, "status": "finished", "started": "2026-01-01T00:00:00Z",
    "experiment": {"model": {"name": "tiny"}, "task": "roads.json", "train": {"epochs": 3.0, "learning_rate": 0.001},
                   "evaluate": {"splits": ["test"], "max_items": {"dev": null, "test": null},
                                "max_new_tokens": 96, "batch_size": 32}},
    "hashes": {"model": "m1", "data": "d1", "task": "t1", "tokenizer": "k1", "format": "f1", "forgetting": "g1"},
    "numbers": {"base_type": "bfloat16", "device": "cpu"},
    "machine": {"processor": "P", "cores": 2, "threads": 2, "libtorch": "2.13.0", "build": "release"},
    "model": {"name": "tiny"}, "num_trainable": 1000,
    "results": {
      "training": {"seconds": 50.0, "useful_tokens_per_second": 800.0},
      "peak_memory_bytes": {"setup": 1, "training": 1048576},
      "training_memory_bytes": {"program": 400000, "base_model": 300000, "trained": 4000, "gradients": 4000,
                                "optimizer": 8000, "activations": 332576},
      "forgetting": {"texts": [
        {"kind": "code", "loss_change_nats": {"mean": 0.5, "low_95": 0.4, "high_95": 0.6}},
        {"kind": "all", "loss_change_nats": {"mean": 0.01, "low_95": -0.01, "high_95": 0.03}}]}}})")
      .patch({{{"op", "add"}, {"path", "/name"}, {"value", name}},
              {{"op", "add"}, {"path", "/seed"}, {"value", seed}},
              {{"op", "add"}, {"path", "/experiment/seed"}, {"value", seed}},
              {{"op", "add"}, {"path", "/experiment/method"}, {"value", {{{"name", name}}}}},
              {{"op", "add"}, {"path", "/methods"}, {"value", {{{"name", name}}}}},
              {{"op", "add"},
               {"path", "/results/tuned"},
               {"value", {{"test", {{"accuracy", accuracy}, {"num_items", num_items}}}}}}});
}

/// predictions.jsonl for these scores.
inline std::string predictions(const std::vector<double>& scores) {
  std::string lines;
  for (size_t i = 0; i < scores.size(); ++i) {
    const io::Json line = {{"split", "test"},
                           {"item", i},
                           {"row", 7 * i},
                           {"reference", "r \"" + std::to_string(i)},
                           {"text", "{\"a\": [\\]}"},
                           {"score", scores[i]},
                           {"base_text", "路名"},
                           {"base_score", 0.0}};
    lines += line.dump() + "\n";
  }
  return lines;
}

/// A finished run in memory; every row of `scores` differs from the next in nothing but them and the seed.
inline Run run_with(const std::string& name, int64_t seed, const std::vector<double>& scores) {
  Run run;
  run.source = name + "/" + std::to_string(seed);
  run.name = run.method = name;
  run.settings = "{\"name\":\"" + name + "\"}";
  run.seed = seed;
  run.machine = "P";
  run.must_agree = {{"data", "d1"}};
  double sum = 0.0;
  for (const double score : scores) sum += score;
  run.splits["test"] = {sum / static_cast<double>(scores.size()), static_cast<int64_t>(scores.size()), scores, "items"};
  return run;
}

/// `count` scores of which the first `right`, counted from `first` around, are 1.
inline std::vector<double> right_from(size_t count, size_t first, size_t right) {
  std::vector<double> scores(count, 0.0);
  for (size_t i = 0; i < right; ++i) scores[(first + i) % count] = 1.0;
  return scores;
}

}  // namespace peftlab::compare
